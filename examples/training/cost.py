"""Prints the size and the arithmetic of the network: parameters before and after fusing, FLOPs at 320 x 320.

Fused means what the engine runs: each QARepVGG block is one 3x3 convolution with bias, each batch norm is part
of its convolution. One multiply and one add count as 2 FLOPs.
"""

import torch
from torch import nn

from export import SIDE
from network import Detector
from scenes import LABELS


def cost(network, side):
    """(trainable parameters, fused parameters, fused multiply-adds) for one picture of side x side."""
    training = sum(p.numel() for p in network.parameters())
    fused = sum(p.numel() for name, p in network.named_parameters() if name.endswith("alpha"))
    multiply_adds = 0
    hooks = []

    def count(module, inputs, output):
        nonlocal fused, multiply_adds
        fused += module.weight.numel() + (module.out_channels)
        positions = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        multiply_adds += module.weight.numel() * positions.shape[2] * positions.shape[3]

    for name, module in network.named_modules():
        # The 1x1 branches disappear into the 3x3 kernels beside them.
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and not name.endswith("branch_1x1"):
            hooks.append(module.register_forward_hook(count))
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return training, fused, multiply_adds


if __name__ == "__main__":
    training, fused, multiply_adds = cost(Detector(len(LABELS)), SIDE)
    print(f"parameters {training}, fused {fused}, {2 * multiply_adds / 1e9:.3f} GFLOPs at {SIDE} x {SIDE}")
