"""Seeded generator of example scenes with exact boxes.

A scene is a picture of one to a dozen objects (see `shapes.py`) on a cluttered background.

Boxes: the box of an object is the bounding box of its **full** drawn shape (mask pixels that the shape
covers by half or more), clipped to the picture. Parts hidden behind other objects therefore count, parts
outside the picture do not. An object of whose full mask less than 25 % would be visible (in the picture
and not hidden) is never drawn, and no later object may hide another one that far, so there is nothing in a
picture without its box. Boxes are in pixels, left/top inclusive, right/bottom exclusive.

    python scenes.py --seed 7 --count 300 --out scenes        # images/ and instances.json (COCO form)
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from backgrounds import background, camera
from shapes import CLASSES, LABELS, TAU, surface

MIN_VISIBLE = 0.25   # share of the full mask that must stay visible
MASK_SHIFT = 4       # sub-pixel bits of the rasterised contours


@dataclass
class Scene:
    """picture: uint8 [h, w, 3] RGB; boxes: float32 [n, 4] x1 y1 x2 y2 in pixels; classes: int64 [n]."""

    picture: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray


def _pose(rng, size):
    """3x3 matrix from object units to pixels about the object's centre: rotation, aspect, shear, perspective.

    `size` is the wanted longer side of the object in pixels.
    """
    # Half of the objects stand nearly upright, the others have any rotation.
    angle = rng.normal(0, 0.15) if rng.random() < 0.5 else rng.uniform(0, TAU)
    if rng.random() < 0.5:
        angle += rng.integers(0, 4) * np.pi / 2
    aspect = rng.uniform(0.62, 1.0)
    sx, sy = (1, aspect) if rng.random() < 0.5 else (aspect, 1)
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    shape = np.array([[sx, rng.normal(0, 0.08), 0], [0, sy, 0], [*rng.normal(0, 0.07, 2), 1]])
    scale = np.diag([size / 2, size / 2, 1])
    return scale @ (shape @ rotation if rng.random() < 0.5 else rotation @ shape)


def _project(matrix, points):
    """Applies a 3x3 matrix to points [n, 2]."""
    p = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    return p[:, :2] / p[:, 2:]


class _Patch:
    """One object rasterised on its own small canvas, which also holds what lies outside the picture.

    x, y: position of the canvas in the picture; coverage: uint8 [h, w]; matrix: object units to canvas pixels.
    """

    def __init__(self, contours, pose, centre):
        placed = [_project(pose, contour) + centre for contour in contours]
        everything = np.concatenate(placed)
        margin = 2
        self.x, self.y = (np.floor(everything.min(0)) - margin).astype(int)
        right, bottom = (np.ceil(everything.max(0)) + margin).astype(int)
        self.coverage = np.zeros((bottom - self.y, right - self.x), np.uint8)
        # The centre of the pixel (0, 0) is the origin of OpenCV's grid, hence the half.
        shifted = [((c - [self.x, self.y] - 0.5) * (1 << MASK_SHIFT)).round().astype(np.int32) for c in placed]
        cv2.fillPoly(self.coverage, shifted, 255, cv2.LINE_AA, MASK_SHIFT)
        self.outline = shifted
        move = np.array([[1, 0, centre[0] - self.x], [0, 1, centre[1] - self.y], [0, 0, 1]])
        self.matrix = move @ pose
        self.mask = self.coverage >= 128

    def coordinates(self):
        """Object coordinates u, v of every pixel of the canvas, float32 [h, w] each."""
        h, w = self.mask.shape
        inverse = np.linalg.inv(self.matrix)
        x, y = np.arange(w) + 0.5, (np.arange(h) + 0.5)[:, None]
        scale = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2]
        u = (inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]) / scale
        v = (inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]) / scale
        return u.astype(np.float32), v.astype(np.float32)

    def window(self, height, width, dx=0, dy=0):
        """Slices (of the picture, of the canvas) of the part inside the picture, or None if there is none."""
        x, y = self.x + dx, self.y + dy
        h, w = self.mask.shape
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if x0 >= x1 or y0 >= y1:
            return None
        return (slice(y0, y1), slice(x0, x1)), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))


def _paint(rng, picture, patch, name):
    """Paints one object, its shadow first, into the float32 picture."""
    height, width = picture.shape[:2]
    h, w = patch.mask.shape
    if rng.random() < 0.4:
        reach = max(1, int(0.08 * max(h, w)))
        dx, dy = (int(d) for d in rng.integers(-reach, reach + 1, 2))
        soft = cv2.blur(patch.coverage, (reach, reach))
        spot = patch.window(height, width, dx, dy)
        if spot:
            dark = soft[spot[1]].astype(np.float32)[..., None] * np.float32(rng.uniform(0.3, 0.7) / 255)
            picture[spot[0]] *= 1 - dark
    inside, part = patch.window(height, width)
    u, v = patch.coordinates()
    colours = surface(name, rng, u, v, picture[inside].mean((0, 1)))
    if rng.random() < 0.4:
        thickness = max(1, int(rng.uniform(0.02, 0.07) * max(h, w)))
        line = np.zeros((h, w), np.uint8)
        cv2.polylines(line, patch.outline, True, 255, thickness, cv2.LINE_AA, MASK_SHIFT)
        share = line.astype(np.float32)[..., None] / 255
        colours = colours * (1 - share) + share * rng.uniform(0, 255, 3).astype(np.float32) * rng.choice([0.2, 1.0])
    opaque = patch.coverage[part].astype(np.float32)[..., None] / 255
    picture[inside] = picture[inside] * (1 - opaque) + colours[part] * opaque


def make_scene(seed, width=None, height=None):
    """The scene of a seed; `width` and `height` in pixels, by default varied: 240 to 640, aspect 1:2 to 2:1."""
    rng = np.random.default_rng([seed, 0x0E10])
    if width is None or height is None:
        longest = int(rng.integers(240, 641))
        ratio = float(np.exp(rng.uniform(np.log(0.5), 0)))
        shorter = max(160, int(longest * ratio))
        width, height = (longest, shorter) if rng.random() < 0.65 else (shorter, longest)
    picture = background(rng, height, width)
    owner = np.zeros((height, width), np.int16)    # 1 + index of the object that is visible there
    full, visible, boxes, classes = [], [], [], []
    smallest = max(10.0, 0.035 * max(width, height))
    largest = 0.6 * max(width, height)
    wanted = int(rng.integers(1, 13)) if rng.random() < 0.97 else 0
    # A scene keeps to a narrower or wider range of sizes, as photographs do.
    centre_size = rng.uniform(np.log(smallest), np.log(largest * 0.8))
    for _ in range(wanted):
        size = float(np.clip(np.exp(rng.normal(centre_size, 0.6)), smallest, largest))
        index = int(rng.integers(len(LABELS)))
        contours = CLASSES[LABELS[index]](rng)
        pose = _pose(rng, size)
        for _ in range(4):
            centre = rng.uniform(-0.05, 1.05, 2) * [width, height]
            patch = _Patch(contours, pose, centre)
            spot = patch.window(height, width)
            total = int(patch.mask.sum())
            if not spot or total < 16:
                continue
            seen = patch.mask[spot[1]]
            rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
            if int(seen.sum()) < max(MIN_VISIBLE * total, 16) or columns[-1] - columns[0] < 5 or rows[-1] - rows[0] < 5:
                continue
            hidden = np.bincount(owner[spot[0]][seen], minlength=len(full) + 1)[1:]
            if any(visible[i] - lost < MIN_VISIBLE * full[i] for i, lost in enumerate(hidden) if lost):
                continue
            # Light overlaps are welcome, a heap of objects is not: most heavy overlaps are drawn again.
            if hidden.sum() > 0.3 * seen.sum() and rng.random() < 0.7:
                continue
            _paint(rng, picture, patch, LABELS[index])
            for i, lost in enumerate(hidden):
                visible[i] -= int(lost)
            owner[spot[0]][seen] = len(full) + 1
            full.append(total)
            visible.append(int(seen.sum()))
            x, y = spot[0][1].start, spot[0][0].start
            boxes.append([x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1])
            classes.append(index)
            break
    return Scene(camera(rng, picture), np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64))


def coco_categories():
    """COCO categories: ids 1..C in class order."""
    return [{"id": i + 1, "name": name, "supercategory": "shape"} for i, name in enumerate(LABELS)]


def coco_annotations(scene, image_id, first_id):
    """COCO annotations of a scene; `area` is the area of the box."""
    rows = []
    for (x1, y1, x2, y2), index in zip(scene.boxes.tolist(), scene.classes.tolist()):
        rows.append({
            "id": first_id + len(rows), "image_id": image_id, "category_id": index + 1, "iscrowd": 0,
            "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1),
        })
    return rows


def write_scenes(scenes, folder, names, images_folder="images", extra_options=()):
    """Writes (name, scene) pictures below `folder` and `instances.json` beside them."""
    folder = Path(folder)
    (folder / images_folder).mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number, (scene, name) in enumerate(zip(scenes, names), start=1):
        cv2.imwrite(str(folder / images_folder / name), scene.picture[..., ::-1], list(extra_options))
        height, width = scene.picture.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        annotations += coco_annotations(scene, number, len(annotations) + 1)
    document = {"info": {"description": "OneLook example scenes"}, "licenses": [], "images": images,
                "annotations": annotations, "categories": coco_categories()}
    (folder / "instances.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    return document


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True, help="scene i of the set is scene number 1000000 * seed + i")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--out", required=True, help="folder to write images/ and instances.json into")
    parser.add_argument("--width", type=int, help="picture width in pixels (with --height; default: varied)")
    parser.add_argument("--height", type=int)
    parser.add_argument("--format", choices=["png", "jpg"], default="png")
    args = parser.parse_args()
    if (args.width is None) != (args.height is None):
        parser.error("--width and --height go together")
    first = args.seed * 1_000_000
    scenes = (make_scene(first + i, args.width, args.height) for i in range(args.count))
    names = [f"{i:06d}.{args.format}" for i in range(args.count)]
    document = write_scenes(scenes, args.out, names)
    print(f"{len(document['images'])} pictures, {len(document['annotations'])} objects in {args.out}")


if __name__ == "__main__":
    main()
