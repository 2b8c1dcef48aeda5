"""Backgrounds, clutter and camera effects of the example scenes. Pictures are uint8 or float32 [h, w, 3], RGB."""

import cv2
import numpy as np

from shapes import TAU, random_colour


def smooth_noise(rng, height, width, cells):
    """Low-frequency noise, float32 [height, width] about 0..1, from a random grid of `cells` cells per side."""
    grid = rng.random((cells + 1, cells + 1), dtype=np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def _ramp(rng, height, width):
    """A linear ramp 0..1 in a random direction, float32 [height, width]."""
    angle = rng.uniform(0, TAU)
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32) * np.float32(np.cos(angle))
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32) * np.float32(np.sin(angle))
    return np.clip(y[:, None] + x[None, :] + 0.5, 0, 1)


def _polygon(rng, height, width, clutter_scale):
    """An irregular polygon of 3 to 8 corners, int32 [n, 2]: never regular enough to be one of the classes."""
    corners = int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, TAU, corners))
    radii = clutter_scale * rng.uniform(0.25, 1.0, corners)
    centre = rng.uniform(0, [width, height])
    stretch = rng.uniform(0.4, 1.0)
    points = np.stack([np.cos(angles) * radii, np.sin(angles) * radii * stretch], axis=1) + centre
    return points.astype(np.int32)


def _clutter(rng, picture, count):
    """Draws `count` lines, arcs, polygons and text-like strokes that are no objects."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    for _ in range(count):
        colour = random_colour(rng).tolist()
        kind = rng.integers(0, 6)
        if kind <= 1:
            a, b = rng.uniform(0, [width, height]), rng.uniform(0, [width, height])
            ends = a.astype(int).tolist(), b.astype(int).tolist()
            cv2.line(picture, *ends, colour, int(rng.integers(1, 7)), cv2.LINE_AA)
        elif kind <= 3:
            scale = longest * np.exp(rng.uniform(np.log(0.02), np.log(0.3)))
            cv2.fillPoly(picture, [_polygon(rng, height, width, scale)], colour, cv2.LINE_AA)
        elif kind == 4:
            # An open arc: curved edges alone must not be read as ball, ring or crescent.
            start = rng.uniform(0, 360)
            axes = (longest * rng.uniform(0.02, 0.2, 2)).astype(int) + 1
            centre = rng.uniform(0, [width, height]).astype(int)
            tilt, end = rng.uniform(0, 180), start + rng.uniform(40, 150)
            cv2.ellipse(picture, centre.tolist(), axes.tolist(), tilt, start, end, colour, int(rng.integers(1, 5)),
                        cv2.LINE_AA)
        else:
            steps = rng.normal(0, longest * 0.03, (int(rng.integers(4, 12)), 2)).cumsum(0)
            path = (steps + rng.uniform(0, [width, height])).astype(np.int32)
            cv2.polylines(picture, [path], False, colour, int(rng.integers(1, 4)), cv2.LINE_AA)


def background(rng, height, width):
    """A picture without objects: float32 [height, width, 3], 0..255."""
    a, b = (random_colour(rng).astype(np.float32) for _ in range(2))
    mix = _ramp(rng, height, width)
    kind = rng.integers(0, 5)
    if kind == 1:
        mix = mix * 0.4 + 0.6 * smooth_noise(rng, height, width, int(rng.integers(2, 12)))
    elif kind == 2:
        # A horizon: two grounds that meet at a line.
        level = rng.uniform(0.3, 0.75) + 0.1 * smooth_noise(rng, 1, width, int(rng.integers(1, 6)))
        mix = 0.25 * mix + 0.75 * (np.linspace(0, 1, height, dtype=np.float32)[:, None] > level)
    elif kind == 3:
        pitch = rng.uniform(0.03, 0.2) * max(height, width)
        x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
        tilt = rng.uniform(-1, 1)
        bands = np.floor((x + tilt * y) / pitch) % 2
        if rng.random() < 0.5:
            bands = (bands + np.floor((y - tilt * x) / pitch)) % 2
        mix = 0.6 * mix + 0.4 * bands
    picture = a * (1 - mix[..., None]) + b * mix[..., None]
    for cells in (3, 9, 27):
        if rng.random() < 0.6:
            strength = rng.uniform(5, 45)
            picture += (strength * (smooth_noise(rng, height, width, cells) - 0.5))[..., None]
    picture = np.ascontiguousarray(np.clip(picture, 0, 255), dtype=np.float32)
    if rng.random() < 0.75:
        # cv2 anti-aliases 8-bit pictures only.
        drawn = picture.astype(np.uint8)
        _clutter(rng, drawn, int(rng.integers(1, 28)))
        if rng.random() < 0.4:
            drawn = cv2.GaussianBlur(drawn, (0, 0), rng.uniform(0.8, 4.0))
        picture = drawn.astype(np.float32)
    return picture


def camera(rng, picture):
    """What a camera adds: exposure, contrast, tint, vignette, blur, sensor noise and JPEG artefacts. Gives uint8."""
    height, width = picture.shape[:2]
    contrast, brightness = rng.uniform(0.65, 1.25), rng.uniform(-25, 25)
    tint = rng.uniform(0.9, 1.1, 3).astype(np.float32)
    picture = ((picture - 128) * np.float32(contrast) + np.float32(128 + brightness)) * tint
    if rng.random() < 0.25:
        x = np.linspace(-1, 1, width, dtype=np.float32)[None]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        picture *= (1 - rng.uniform(0.1, 0.35) * (x * x + y * y))[..., None].astype(np.float32)
    if rng.random() < 0.35:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.4) * max(height, width) / 480 + 0.1)
    if rng.random() < 0.6:
        # One small tile of normal noise, repeated at a random shift: several times cheaper than fresh noise.
        tile = rng.standard_normal((96, 96, 3), dtype=np.float32) * np.float32(rng.uniform(1, 12))
        noise = np.tile(tile, (height // 96 + 1, width // 96 + 1, 1))[:height, :width]
        picture = picture + noise
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
        _, coded = cv2.imencode(".jpg", picture, quality)
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return picture
