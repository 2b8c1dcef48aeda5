"""Writes the weights of a training run as safetensors in float16, and reads them back.

    python export.py --checkpoint run/checkpoint.pt --out ../../models/embedded/onelook-shapes.safetensors

The file holds the training form of the network (QARepVGG branches and batch norms apart), averaged over
training; the builder that loads it fuses them. `num_batches_tracked` is left out. The metadata carry the
contract: labels, input size, preprocessing and default thresholds.
"""

import argparse
import json

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from network import Detector
from scenes import LABELS

SIDE = 320
METADATA = {
    "family": "yolo-nas",
    "labels": json.dumps(LABELS),
    "inputSize": json.dumps([SIDE, SIDE]),
    "preprocess": json.dumps(
        {"resize": "letterbox", "align": "center", "pad": 114, "channels": "rgb", "scale": 1 / 255}),
    "scoreThreshold": "0.35",
    "iouThreshold": "0.65",
    "license": "Apache-2.0",
    "training": "Trained from random weights on scenes of ten drawn shapes made by examples/training/scenes.py, "
                "without any other pictures or weights.",
}


def to_half(state):
    """The state dict in float16; refuses values that float16 cannot hold and variances that it rounds to zero."""
    half = {}
    for name, value in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        rounded = value.to(torch.float16).contiguous()
        if not torch.isfinite(rounded).all():
            raise ValueError(f"{name}: a value is outside the range of float16")
        if name.endswith("running_var") and not (rounded > 0).all():
            raise ValueError(f"{name}: a variance is not above zero in float16")
        half[name] = rounded
    return half


def load_network(path):
    """The network of an exported file, float32, in evaluation mode."""
    with safe_open(path, "pt") as file:
        classes = len(json.loads(file.metadata()["labels"]))
        state = {name: file.get_tensor(name).float() for name in file.keys()}
    network = Detector(classes)
    missing, unexpected = network.load_state_dict(state, strict=False)
    wrong = [name for name in missing if not name.endswith("num_batches_tracked")] + unexpected
    if wrong:
        raise ValueError(f"{path}: tensors missing or unknown: {', '.join(wrong)}")
    return network.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    saved = torch.load(args.checkpoint, weights_only=True, map_location="cpu")
    state = to_half(saved["average"])
    save_file(state, args.out, metadata=METADATA)
    load_network(args.out)
    values = sum(v.numel() for v in state.values())
    print(f"{args.out}: {len(state)} tensors, {values} values, after step {saved['step']}")


if __name__ == "__main__":
    main()
