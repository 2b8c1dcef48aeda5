"""Task-aligned assignment and the detection loss.

Sources: task alignment "TOOD" (arXiv:2108.07755), complete IoU (arXiv:1911.08287), distribution focal loss
(arXiv:2006.04388). B pictures, A anchors, M objects (padded), C classes. Boxes are x1 y1 x2 y2 in pixels.
"""

import math

import torch
import torch.nn.functional as F

from network import BINS, decode

TOP_K = 10        # anchors assigned to an object at most
ALPHA, BETA = 0.5, 6.0
WEIGHT_CLASS, WEIGHT_BOX, WEIGHT_DFL = 1.0, 5.0, 1.0


def pair_iou(a, b):
    """IoU of every box of a [B, M, 4] with every box of b [B, A, 4]: [B, M, A], 0..1."""
    a, b = a[:, :, None], b[:, None]
    side = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp_(min=0)
    overlap = side.prod(-1)
    areas = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    return overlap / (areas - overlap + 1e-9)


def complete_iou(p, t):
    """CIoU of matching boxes p, t [N, 4]: IoU less the normalised centre distance and the aspect penalty; -1..1."""
    side = (torch.minimum(p[:, 2:], t[:, 2:]) - torch.maximum(p[:, :2], t[:, :2])).clamp(min=0)
    overlap = side.prod(-1)
    p_size, t_size = (p[:, 2:] - p[:, :2]).clamp(min=1e-3), t[:, 2:] - t[:, :2]
    iou = overlap / (p_size.prod(-1) + t_size.prod(-1) - overlap + 1e-9)
    hull = torch.maximum(p[:, 2:], t[:, 2:]) - torch.minimum(p[:, :2], t[:, :2])
    centres = (p[:, :2] + p[:, 2:] - t[:, :2] - t[:, 2:]).square().sum(-1) / 4
    distance = centres / (hull.square().sum(-1) + 1e-9)
    angle = torch.atan(t_size[:, 0] / t_size[:, 1]) - torch.atan(p_size[:, 0] / p_size[:, 1])
    aspect = 4 / math.pi**2 * angle.square()
    with torch.no_grad():
        weight = aspect / (1 - iou + aspect + 1e-9)
    return iou - distance - weight * aspect


@torch.no_grad()
def assign(scores, boxes, points, strides, target_boxes, target_classes, present):
    """Gives each anchor an object or the background.

    scores [B, A, C] 0..1; boxes [B, A, 4]; points [A, 2]; strides [A, 1]; target_boxes [B, M, 4];
    target_classes int64 [B, M]; present bool [B, M].
    Returns index int64 [B, A] (object of the anchor), positive bool [B, A] and quality [B, A] 0..1:
    the alignment score^ALPHA * IoU^BETA, scaled so that an object's best anchor has its best IoU.
    """
    iou = pair_iou(target_boxes, boxes)
    wanted = target_classes[..., None].expand(-1, -1, scores.shape[1])
    score = scores.transpose(1, 2).gather(1, wanted)
    alignment = score.pow(ALPHA) * iou.pow(BETA)
    # Candidates lie in the object; an object smaller than a cell is widened so that it holds at least one point.
    centre = (target_boxes[..., :2] + target_boxes[..., 2:]) / 2
    half = ((target_boxes[..., 2:] - target_boxes[..., :2]) / 2).clamp(min=float(strides.min()) * 0.6)
    near = ((points - centre[:, :, None]).abs() < half[:, :, None]).all(-1) & present[..., None]
    alignment = alignment * near
    best, index = alignment.topk(TOP_K, dim=-1)
    chosen = torch.zeros_like(alignment, dtype=torch.bool).scatter_(-1, index, best > 1e-12) & near
    # An anchor wanted by several objects goes to the one that it overlaps best.
    iou_chosen = torch.where(chosen, iou, torch.full_like(iou, -1.0))
    overlap, owner = iou_chosen.max(1)
    positive = overlap >= 0
    own = F.one_hot(owner, iou.shape[1]).transpose(1, 2).bool() & positive[:, None]
    alignment, iou = alignment * own, iou * own
    scale = iou.amax(-1, keepdim=True) / (alignment.amax(-1, keepdim=True) + 1e-12)
    return owner, positive, (alignment * scale).amax(1)


def detection_loss(class_logits, box_logits, points, strides, target_boxes, target_classes, present):
    """Weighted sum of the classification (BCE on the assigned quality), CIoU and DFL terms.

    Also returns, as numbers, the three terms and the share of the positive anchors whose best class is right.

    class_logits [B, A, C]; box_logits [B, A, 4, BINS]; the others as for `assign`.
    Every term is divided by the total quality of the batch.
    """
    boxes = decode(box_logits, points, strides)
    index, positive, quality = assign(
        class_logits.detach().sigmoid(), boxes.detach(), points, strides, target_boxes, target_classes, present)
    batch, anchor = positive.nonzero(as_tuple=True)
    matched = index[batch, anchor]
    weight = quality[batch, anchor]
    targets = torch.zeros_like(class_logits)
    targets[batch, anchor, target_classes[batch, matched]] = weight
    total = weight.sum().clamp(min=1.0)
    # Varifocal weights (arXiv:2008.13367) were tried: with few classes they hardly push the wrong classes of an
    # object down, and telling the classes apart starts late.
    bce = F.binary_cross_entropy_with_logits(class_logits, targets, reduction="sum") / total
    right = (class_logits[batch, anchor].argmax(-1) == target_classes[batch, matched]).float().mean()
    truth = target_boxes[batch, matched]
    box = ((1 - complete_iou(boxes[batch, anchor], truth)) * weight).sum() / total
    point, stride = points[anchor], strides[anchor]
    distance = torch.cat([point - truth[:, :2], truth[:, 2:] - point], 1) / stride
    distance = distance.clamp(0, BINS - 1.01)
    left = distance.long()
    share = distance - left
    log_p = box_logits[batch, anchor].log_softmax(-1)
    near = log_p.gather(-1, left[..., None]).squeeze(-1) * (1 - share)
    far = log_p.gather(-1, left[..., None] + 1).squeeze(-1) * share
    dfl = -((near + far).mean(-1) * weight).sum() / total
    loss = WEIGHT_CLASS * bce + WEIGHT_BOX * box + WEIGHT_DFL * dfl
    return loss, tuple(float(value.detach()) for value in (bce, box, dfl, right))
