"""A narrow detector with the structure of YOLO-NAS: the network that OneLook carries as its default.

The blocks are those of YOLO-NAS: QARepVGG ("Make RepVGG Greater Again: A Quantization-aware Approach",
arXiv:2212.01593), CSP layers with a learnable shortcut weight, a spatial pyramid of max pools, a path
aggregation neck that also reads the stride-4 stage, and decoupled heads with distribution focal
regression (arXiv:2006.04388). The state dict has the key names of that family, so one model builder reads
this network and the large ones; every width and count follows from the tensor shapes.

Pictures are float32 [B, 3, H, W], RGB, 0..1, H and W multiples of 32.
"""

import torch
from torch import nn
import torch.nn.functional as F

BN_EPS = 1e-3
BINS = 17                 # distances 0..16 in units of the stride
STRIDES = (8, 16, 32)

STEM = 16
STAGES = ((24, 1, 8), (48, 1, 24), (96, 2, 48), (112, 1, 56))   # (out, bottlenecks, hidden) at strides 4, 8, 16, 32
CONTEXT = 112
UP = ((48, 1, 24), (32, 1, 16))                                 # neck1, neck2: (out, bottlenecks, hidden)
DOWN = ((64, 1, 32), (96, 1, 40))                               # neck3, neck4
HEADS = (32, 48, 56)                                            # widths inside the heads at strides 8, 16, 32


def batch_norm(channels):
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=0.03)


class ConvBNReLU(nn.Module):
    """Convolution without bias, batch norm, ReLU; keys conv.*, bn.*."""

    def __init__(self, cin, cout, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False)
        self.bn = batch_norm(cout)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class HeadConv(nn.Module):
    """The same maths as ConvBNReLU under the key prefix `seq`, as the heads have it."""

    def __init__(self, cin, cout, kernel):
        super().__init__()
        self.seq = nn.Sequential()
        self.seq.add_module("conv", nn.Conv2d(cin, cout, kernel, 1, kernel // 2, bias=False))
        self.seq.add_module("bn", batch_norm(cout))

    def forward(self, x):
        return F.relu(self.seq(x), inplace=True)


class ConvBN(nn.Module):
    """Convolution without bias and batch norm; keys conv.*, bn.*."""

    def __init__(self, cin, cout, kernel, stride):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False)
        self.bn = batch_norm(cout)

    def forward(self, x):
        return self.bn(self.conv(x))


class QARepVGG(nn.Module):
    """ReLU(post_bn(BN(conv3x3(x)) + conv1x1(x) + identity)); the identity where `residual` is asked for."""

    def __init__(self, cin, cout, stride=1, residual=False):
        super().__init__()
        self.branch_3x3 = ConvBN(cin, cout, 3, stride)
        self.branch_1x1 = nn.Conv2d(cin, cout, 1, stride, bias=True)
        self.post_bn = batch_norm(cout)
        self.residual = residual and cin == cout and stride == 1

    def forward(self, x):
        y = self.branch_3x3(x) + self.branch_1x1(x)
        if self.residual:
            y = y + x
        return F.relu(self.post_bn(y), inplace=True)


class Bottleneck(nn.Module):
    """alpha * x + cv2(cv1(x)); no activation after the sum."""

    def __init__(self, channels, reparameterized):
        super().__init__()
        if reparameterized:
            self.cv1, self.cv2 = (QARepVGG(channels, channels, residual=True) for _ in range(2))
        else:
            self.cv1, self.cv2 = (ConvBNReLU(channels, channels, 3) for _ in range(2))
        self.alpha = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.alpha * x + self.cv2(self.cv1(x))


class CSP(nn.Module):
    """conv3(concat[bottlenecks(conv1(x)), conv2(x)])."""

    def __init__(self, cin, cout, count, hidden, reparameterized=True):
        super().__init__()
        self.conv1 = ConvBNReLU(cin, hidden, 1)
        self.conv2 = ConvBNReLU(cin, hidden, 1)
        self.conv3 = ConvBNReLU(2 * hidden, cout, 1)
        self.bottlenecks = nn.Sequential(*(Bottleneck(hidden, reparameterized) for _ in range(count)))

    def forward(self, x):
        return self.conv3(torch.cat([self.bottlenecks(self.conv1(x)), self.conv2(x)], 1))


class Stage(nn.Module):
    def __init__(self, cin, cout, count, hidden):
        super().__init__()
        self.downsample = QARepVGG(cin, cout, 2)
        self.blocks = CSP(cout, cout, count, hidden)

    def forward(self, x):
        return self.blocks(self.downsample(x))


class SPP(nn.Module):
    """Parallel max pools 5, 9, 13. They are chained 5x5 pools here, which is the same function and faster."""

    def __init__(self, cin, cout):
        super().__init__()
        self.cv1 = ConvBNReLU(cin, cin // 2, 1)
        self.cv2 = ConvBNReLU(cin // 2 * 4, cout, 1)

    def forward(self, x):
        x = self.cv1(x)
        m5 = F.max_pool2d(x, 5, 1, 2)
        m9 = F.max_pool2d(m5, 5, 1, 2)
        m13 = F.max_pool2d(m9, 5, 1, 2)
        return self.cv2(torch.cat([x, m5, m9, m13], 1))


class Stem(nn.Module):
    def __init__(self, cout):
        super().__init__()
        self.conv = QARepVGG(3, cout, 2)

    def forward(self, x):
        return self.conv(x)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Stem(STEM)
        cin = STEM
        for number, (cout, count, hidden) in enumerate(STAGES, start=1):
            self.add_module(f"stage{number}", Stage(cin, cout, count, hidden))
            cin = cout
        self.context_module = SPP(cin, CONTEXT)

    def forward(self, x):
        c2 = self.stage1(self.stem(x))
        c3 = self.stage2(c2)
        c4 = self.stage3(c3)
        return c2, c3, c4, self.context_module(self.stage4(c4))


class UpStage(nn.Module):
    """Merges a coarse map with the maps one and two levels finer; returns (reduced coarse map, output)."""

    def __init__(self, cin, skip1, skip2, cout, count, hidden):
        super().__init__()
        self.reduce_skip1 = ConvBNReLU(skip1, cout, 1)
        self.reduce_skip2 = ConvBNReLU(skip2, cout, 1)
        self.downsample = ConvBNReLU(cout, cout, 3, 2)
        self.conv = ConvBNReLU(cin, cout, 1)
        self.upsample = nn.ConvTranspose2d(cout, cout, 2, 2)
        self.reduce_after_concat = ConvBNReLU(3 * cout, cout, 1)
        self.blocks = CSP(cout, cout, count, hidden)

    def forward(self, x, skip1, skip2):
        inter = self.conv(x)
        parts = [self.upsample(inter), self.reduce_skip1(skip1), self.downsample(self.reduce_skip2(skip2))]
        return inter, self.blocks(self.reduce_after_concat(torch.cat(parts, 1)))


class DownStage(nn.Module):
    def __init__(self, cin, skip, cout, count, hidden):
        super().__init__()
        self.conv = ConvBNReLU(cin, cout // 2, 3, 2)
        self.blocks = CSP(cout // 2 + skip, cout, count, hidden, reparameterized=False)

    def forward(self, x, skip):
        return self.blocks(torch.cat([self.conv(x), skip], 1))


class Neck(nn.Module):
    def __init__(self):
        super().__init__()
        c2, c3, c4 = (stage[0] for stage in STAGES[:3])
        self.neck1 = UpStage(CONTEXT, c4, c3, *UP[0])
        self.neck2 = UpStage(UP[0][0], c3, c2, *UP[1])
        self.neck3 = DownStage(UP[1][0], UP[1][0], *DOWN[0])
        self.neck4 = DownStage(DOWN[0][0], UP[0][0], *DOWN[1])

    def forward(self, c2, c3, c4, c5):
        inter1, y1 = self.neck1(c5, c4, c3)
        inter2, p3 = self.neck2(y1, c3, c2)
        p4 = self.neck3(p3, inter2)
        return p3, p4, self.neck4(p4, inter1)


class Head(nn.Module):
    """One level: [B, cin, h, w] -> class logits [B, C, h, w] and box logits [B, 4 * BINS, h, w]."""

    def __init__(self, cin, inner, classes):
        super().__init__()
        self.stem = HeadConv(cin, inner, 1)
        self.cls_convs = nn.Sequential(HeadConv(inner, inner, 3))
        self.reg_convs = nn.Sequential(HeadConv(inner, inner, 3))
        self.cls_pred = nn.Conv2d(inner, classes, 1)
        self.reg_pred = nn.Conv2d(inner, 4 * BINS, 1)
        # Every score starts at 1 % (the prior of focal loss, arXiv:1708.02002, section 4.1).
        nn.init.constant_(self.cls_pred.bias, -4.6)

    def forward(self, x):
        x = self.stem(x)
        return self.cls_pred(self.cls_convs(x)), self.reg_pred(self.reg_convs(x))


class Detector(nn.Module):
    """forward: class logits [B, A, C] and box logits [B, A, 4, BINS]; levels in order of STRIDES, anchors row-major."""

    def __init__(self, classes):
        super().__init__()
        self.backbone = Backbone()
        self.neck = Neck()
        self.heads = nn.Module()
        for number, (cin, inner) in enumerate(zip((UP[1][0], DOWN[0][0], DOWN[1][0]), HEADS), start=1):
            self.heads.add_module(f"head{number}", Head(cin, inner, classes))

    def forward(self, x):
        features = self.neck(*self.backbone(x))
        outputs = [getattr(self.heads, f"head{i}")(f) for i, f in enumerate(features, start=1)]
        logits = torch.cat([c.flatten(2) for c, _ in outputs], 2).transpose(1, 2)
        boxes = torch.cat([r.flatten(2) for _, r in outputs], 2).transpose(1, 2)
        return logits.float(), boxes.float().unflatten(2, (4, BINS))


def anchor_points(height, width):
    """Anchor points in pixels of the network's input [A, 2] (x, y) and their strides [A, 1]."""
    points, strides = [], []
    for stride in STRIDES:
        h, w = height // stride, width // stride
        y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
        points.append(torch.stack([x, y], -1).reshape(-1, 2) * stride)
        strides.append(torch.full((h * w, 1), float(stride)))
    return torch.cat(points), torch.cat(strides)


def decode(box_logits, points, strides):
    """Boxes x1 y1 x2 y2 in pixels [B, A, 4]: the expected distances to left, top, right and bottom of the point."""
    distances = (box_logits.softmax(-1) @ torch.arange(BINS, dtype=box_logits.dtype)) * strides
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], -1)
