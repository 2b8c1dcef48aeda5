"""COCO AP of a network on freshly generated scenes.

    python evaluate.py --weights ../../models/embedded/onelook-shapes.safetensors --seed 901 --count 500
"""

import argparse
import contextlib
import io

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from data import letterbox
from network import anchor_points, decode
from scenes import coco_annotations, coco_categories, make_scene

SIDE = 320
NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def nms(boxes, scores, iou_threshold):
    """Greedy non-maximum suppression of boxes [n, 4]; returns kept indices, best first."""
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    kept = []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(first)
        side = np.minimum(boxes[first, 2:], boxes[rest, 2:]) - np.maximum(boxes[first, :2], boxes[rest, :2])
        overlap = side.clip(0).prod(1)
        order = rest[overlap <= iou_threshold * (areas[first] + areas[rest] - overlap)]
    return np.array(kept, int)


def detections(boxes, scores, score_threshold, iou_threshold, limit=300):
    """Boxes [A, 4] and scores [A, C] to rows (box, score, class): every class above the threshold, class-wise NMS."""
    anchor, cls = np.nonzero(scores > score_threshold)
    value = scores[anchor, cls]
    best = np.argsort(-value, kind="stable")[:1024]
    anchor, cls, value = anchor[best], cls[best], value[best]
    rows = []
    for c in np.unique(cls):
        mine = np.flatnonzero(cls == c)
        for k in mine[nms(boxes[anchor[mine]], value[mine], iou_threshold)]:
            rows.append((boxes[anchor[k]], float(value[k]), int(c)))
    return sorted(rows, key=lambda row: -row[1])[:limit]


@torch.no_grad()
def raw_outputs(network, pictures):
    """Boxes [B, A, 4] in pixels of the network's input and scores [B, A, C], for pictures float32 [B, 3, S, S]."""
    network.eval()
    logits, box_logits = network(pictures)
    points, strides = anchor_points(*pictures.shape[2:])
    return decode(box_logits, points, strides), logits.sigmoid()


def average_precision(network, series, count, score_threshold=0.01, iou_threshold=0.65):
    """COCO figures in points (0..100) on scenes 1000000 * series + 0..count-1."""
    images, annotations, results = [], [], []
    for start in range(0, count, 16):
        scenes = [make_scene(series * 1_000_000 + i) for i in range(start, min(start + 16, count))]
        boxed = [letterbox(scene.picture, SIDE) for scene in scenes]
        pictures = torch.from_numpy(np.stack([b[0] for b in boxed])).permute(0, 3, 1, 2).contiguous().float() / 255
        boxes, scores = (t.numpy() for t in raw_outputs(network, pictures))
        for k, scene in enumerate(scenes):
            image_id = start + k + 1
            height, width = scene.picture.shape[:2]
            images.append({"id": image_id, "width": width, "height": height})
            annotations += coco_annotations(scene, image_id, len(annotations) + 1)
            _, scale, left, top = boxed[k]
            placed = (boxes[k] - [left, top, left, top]) / scale
            placed = placed.clip(0, [width, height, width, height])
            for box, score, c in detections(placed, scores[k], score_threshold, iou_threshold):
                x1, y1, x2, y2 = box.tolist()
                bbox = [x1, y1, x2 - x1, y2 - y1]
                results.append({"image_id": image_id, "category_id": c + 1, "bbox": bbox, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"info": {}, "images": images, "annotations": annotations, "categories": coco_categories()}
        truth.createIndex()
        if not results:
            return dict.fromkeys(NAMES, 0.0)
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: round(100 * float(value), 1) for name, value in zip(NAMES, evaluation.stats)}


def main():
    from export import load_network
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--seed", type=int, required=True, help="scene i is number 1000000 * seed + i")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--iou", type=float, default=0.65, help="IoU threshold of the suppression")
    args = parser.parse_args()
    print(average_precision(load_network(args.weights), args.seed, args.count, iou_threshold=args.iou))


if __name__ == "__main__":
    main()
