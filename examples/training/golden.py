"""Writes the expected raw outputs of the exported network for a picture that any language can make.

    python golden.py --weights ../../models/embedded/onelook-shapes.safetensors \\
        --out ../../test/fixtures/embedded-golden.json

Input: float32 [1, 3, 320, 320], the value at flat index i being ((i * 7919) mod 1000) / 1000. Outputs come from
float32 arithmetic with the float16 weights: boxes x1 y1 x2 y2 in pixels of the input, scores 0..1.
"""

import argparse
import json

import numpy as np
import torch

from evaluate import raw_outputs
from export import SIDE, load_network


def synthetic_input():
    index = np.arange(3 * SIDE * SIDE, dtype=np.int64)
    return (index * 7919 % 1000 / 1000).astype(np.float32).reshape(1, 3, SIDE, SIDE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--anchors", type=int, default=200, help="how many of the anchors to write, evenly spread")
    args = parser.parse_args()
    boxes, scores = (t[0].numpy() for t in raw_outputs(load_network(args.weights), torch.from_numpy(synthetic_input())))
    anchors = np.unique(np.linspace(0, len(boxes) - 1, args.anchors).round().astype(int))
    document = {
        "description": "Raw outputs of onelook-shapes.safetensors; written by examples/training/golden.py",
        "input": {"dims": [1, 3, SIDE, SIDE], "type": "float32", "layout": "NCHW",
                  "value": "((i * 7919) % 1000) / 1000 at flat index i"},
        "anchorCount": len(boxes),
        "anchors": anchors.tolist(),
        "boxes": [[float(f"{v:.6g}") for v in row] for row in boxes[anchors].tolist()],
        "scores": [[float(f"{v:.6g}") for v in row] for row in scores[anchors].tolist()],
    }
    with open(args.out, "w") as file:
        json.dump(document, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
