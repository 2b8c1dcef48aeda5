"""A pool of training scenes in memory, its augmentation, and the letterbox of the network's contract."""

import math
import multiprocessing as mp
import os
from queue import Full

import cv2
import numpy as np
import torch

from scenes import make_scene

PAD = 114
POOL_SIDE = 320          # longest side of the stored pictures, pixels
TRAIN_SERIES = 1         # scene numbers 1000000 * series + i; the other series are never trained on


def letterbox(picture, side):
    """Scales the longest side to `side` (bilinear, enlarging allowed) and pads to a centred square with PAD.

    Returns uint8 [side, side, 3], the scale, and the left and top padding in pixels.
    """
    height, width = picture.shape[:2]
    scale = min(side / height, side / width)
    h, w = (max(1, math.floor(n * scale + 0.5)) for n in (height, width))
    left, top = (side - w) // 2, (side - h) // 2
    canvas = np.full((side, side, 3), PAD, np.uint8)
    canvas[top:top + h, left:left + w] = cv2.resize(picture, (w, h), interpolation=cv2.INTER_LINEAR)
    return canvas, scale, left, top


cv2.setNumThreads(1)     # the cores belong to torch and to the generating processes


def pool_entry(number):
    """Scene `number` with its longest side scaled to POOL_SIDE: (picture uint8, boxes float32 [n, 4], classes)."""
    scene = make_scene(number)
    height, width = scene.picture.shape[:2]
    scale = POOL_SIDE / max(height, width)
    size = (math.floor(width * scale + 0.5), math.floor(height * scale + 0.5))
    picture = cv2.resize(scene.picture, size, interpolation=cv2.INTER_LINEAR)
    return picture, scene.boxes * np.float32(scale), scene.classes


def _generate_forever(first, queue):
    os.nice(19)
    number, entry = first, None
    # The time limit lets the process end with its parent, however that ended.
    while mp.parent_process().is_alive():
        entry = entry or pool_entry(number)
        try:
            queue.put(entry, timeout=20)
        except Full:
            continue
        number, entry = number + 1, None


class Pool:
    """Scenes in memory: `start` at first, then one more for every one that a background process has ready, up to
    `size`; from then on the new ones replace the oldest (see `refresh`)."""

    def __init__(self, start, size, first=0, processes=2):
        base = TRAIN_SERIES * 1_000_000 + first
        context = mp.get_context("fork")
        with context.Pool(processes) as workers:
            self.entries = workers.map(pool_entry, range(base, base + start), chunksize=64)
        self.size, self.next_slot = size, 0
        self.generated = first + start
        self.queue = context.Queue(maxsize=48)
        self.worker = context.Process(target=_generate_forever, args=(base + start, self.queue), daemon=True)
        self.worker.start()

    def refresh(self, count):
        """Takes in at most `count` new scenes, as many as are ready."""
        for _ in range(count):
            if self.queue.empty():
                return
            if len(self.entries) < self.size:
                self.entries.append(self.queue.get())
            else:
                self.entries[self.next_slot] = self.queue.get()
                self.next_slot = (self.next_slot + 1) % self.size
            self.generated += 1

    def close(self):
        self.worker.terminate()


def augment(rng, entry, side, strength):
    """Flip, quarter turn, zoom and shift into a padded square, and colour changes.

    `strength` 0..1 scales zoom and shift: at 0 the picture is only letterboxed, flipped and turned.
    Returns picture uint8 [side, side, 3], boxes float32 [n, 4] in its pixels, classes [n].
    """
    picture, boxes, classes = entry
    height, width = picture.shape[:2]
    turn, mirror = int(rng.integers(0, 4)), bool(rng.integers(0, 2))
    c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[turn]
    zoom = side / POOL_SIDE * math.exp(rng.uniform(math.log(0.7), math.log(1.35)) * strength)
    linear = zoom * np.array([[c, -s], [s, c]]) @ np.diag([-1 if mirror else 1, 1])
    extent = np.abs(linear) @ [width, height]
    # The picture's centre goes to the square's centre, shifted by some of the free (or the surplus) room.
    slack = np.abs(side - extent) / 2 + 0.06 * side
    shift = rng.uniform(-1, 1, 2) * slack * strength
    # Letterbox padding is a whole number of pixels; without zoom this keeps the pixels where they are.
    corner = np.floor((side - extent) / 2 + shift)
    offset = corner + extent / 2 - linear @ (np.array([width, height]) / 2)
    # Boxes live in continuous coordinates, warpAffine in pixel centres: half a pixel before, half after.
    pixel_offset = offset + linear @ [0.5, 0.5] - 0.5
    matrix = np.concatenate([linear, pixel_offset[:, None]], axis=1)
    out = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                         borderValue=(PAD, PAD, PAD))
    corners = boxes.reshape(-1, 2, 2) @ linear.T + offset
    moved = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    clipped = moved.clip(0, side)
    size = clipped[:, 2:] - clipped[:, :2]
    whole = (moved[:, 2:] - moved[:, :2]).prod(1)
    keep = (size.min(1, initial=np.inf) > 3) & (size.prod(1) > 0.25 * whole)
    if rng.random() < 0.5:
        out = out[..., rng.permutation(3)]
    if rng.random() < 0.3:
        out = cv2.LUT(np.ascontiguousarray(out), _tone_curve(rng))
    return out, clipped[keep].astype(np.float32), classes[keep]


def _tone_curve(rng):
    """A random gamma curve for 8-bit values."""
    gamma = math.exp(rng.uniform(-0.35, 0.35))
    return (255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8)


def collate(items):
    """Pictures uint8 [B, 3, S, S]; boxes padded to [B, M, 4]; classes int64 [B, M]; present bool [B, M].

    It runs beside the training step, so it leaves arithmetic on whole pictures, for which torch would start
    a second team of threads, to the step.
    """
    pictures = torch.from_numpy(np.ascontiguousarray(np.stack([p for p, _, _ in items]).transpose(0, 3, 1, 2)))
    most = max(1, max(len(b) for _, b, _ in items))
    boxes = torch.zeros(len(items), most, 4)
    classes = torch.zeros(len(items), most, dtype=torch.int64)
    present = torch.zeros(len(items), most, dtype=torch.bool)
    for i, (_, b, c) in enumerate(items):
        boxes[i, :len(b)] = torch.from_numpy(b)
        classes[i, :len(b)] = torch.from_numpy(c)
        present[i, :len(b)] = True
    return pictures, boxes, classes, present
