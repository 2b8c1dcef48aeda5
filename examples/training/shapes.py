"""The object classes of the example scenes: their outlines and their surfaces.

An outline is a list of closed contours, each float [n, 2], in object units: the object is centred on
(0, 0) and reaches about 1 unit from it; y points down. Contours inside one another cut holes
(even-odd rule). A surface is a function of the object coordinates u, v of every pixel.
"""

import numpy as np

TAU = 2 * np.pi


def _circle(radius, points=48, centre=(0.0, 0.0), phase=0.0):
    """Contour of a circle of the given radius, both in object units."""
    t = np.linspace(0, TAU, points, endpoint=False) + phase
    return np.stack([centre[0] + radius * np.cos(t), centre[1] + radius * np.sin(t)], axis=1)


def ball(rng):
    return [_circle(1.0)]


def crate(rng):
    return [np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float) * 0.86]


def star(rng):
    points = int(rng.choice([5, 5, 5, 6, 7]))
    inner = rng.uniform(0.38, 0.52) if points == 5 else rng.uniform(0.5, 0.62)
    t = np.arange(2 * points) * np.pi / points - np.pi / 2
    r = np.where(np.arange(2 * points) % 2 == 0, 1.0, inner)
    return [np.stack([r * np.cos(t), r * np.sin(t)], axis=1)]


def ring(rng):
    return [_circle(1.0), _circle(rng.uniform(0.5, 0.76))]


def heart(rng):
    # The well-known parametric heart (16 sin^3 t, 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t), scaled to the unit.
    t = np.linspace(0, TAU, 64, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return [np.stack([x / 17, (y - 2.5) / 17], axis=1)]


def cross(rng):
    a = rng.uniform(0.24, 0.4)
    corners = [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a),
               (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]
    return [np.array(corners, float)]


def arrow(rng):
    shaft = rng.uniform(0.16, 0.32)
    half = rng.uniform(0.6, 0.85)
    neck = rng.uniform(-0.1, 0.25)
    corners = [(1, 0), (neck, half), (neck, shaft), (-1, shaft), (-1, -shaft), (neck, -shaft), (neck, -half)]
    return [np.array(corners, float)]


def crescent(rng):
    """A disc less a disc of radius r whose centre is shifted by d along x; the two meet at the horns."""
    r = rng.uniform(0.75, 0.9)
    d = rng.uniform(0.38, 0.55)
    x = (1 - r * r + d * d) / (2 * d)
    horn = np.arccos(np.clip(x, -1, 1))
    outer = np.linspace(horn, TAU - horn, 48)
    inner_horn = np.arctan2(np.sin(horn), x - d)
    inner = np.linspace(TAU - inner_horn, inner_horn, 40)
    rim = np.stack([np.cos(outer), np.sin(outer)], axis=1)
    bite = np.stack([d + r * np.cos(inner), r * np.sin(inner)], axis=1)
    return [np.concatenate([rim, bite]) + [0.25, 0]]


def gear(rng):
    teeth = int(rng.integers(8, 13))
    root = rng.uniform(0.74, 0.8)
    duty = rng.uniform(0.42, 0.55)
    contour = []
    for i in range(teeth):
        start = i * TAU / teeth
        step = TAU / teeth
        for offset, radius in ((0.0, root), (0.08, 1.0), (duty - 0.08, 1.0), (duty, root)):
            angle = start + offset * step
            contour.append((radius * np.cos(angle), radius * np.sin(angle)))
    return [np.array(contour), _circle(rng.uniform(0.22, 0.4), 32)]


def leaf(rng):
    """A pointed lens along x with a short stem."""
    width = rng.uniform(0.36, 0.55)
    x = np.linspace(-0.75, 1, 28)
    s = (x + 0.75) / 1.75
    half = width * np.sin(np.pi * s ** rng.uniform(0.75, 1.05)) ** 0.9
    half = np.nan_to_num(half)
    stem = 0.045
    upper = np.stack([x, -np.maximum(half, 0)], axis=1)
    lower = np.stack([x, np.maximum(half, 0)], axis=1)[::-1]
    tail = np.array([[-0.75, stem], [-1.05, stem + 0.08], [-1.05, -stem + 0.08], [-0.75, -stem]])
    return [np.concatenate([upper, lower, tail])]


# Class order: the class index of the network, and COCO category id - 1.
CLASSES = {
    "ball": ball, "crate": crate, "star": star, "ring": ring, "heart": heart,
    "cross": cross, "arrow": arrow, "crescent": crescent, "gear": gear, "leaf": leaf,
}
LABELS = list(CLASSES)


def random_colour(rng, away_from=None):
    """A colour as float [3], 0..255, of any hue; tries to differ from the colour `away_from`."""
    for _ in range(6):
        hue, saturation, value = rng.uniform(0, 6), rng.uniform(0.15, 1.0), rng.uniform(0.2, 1.0)
        ramp = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
        colour = 255 * value * (1 - saturation * (1 - ramp))
        if away_from is None or np.abs(colour - away_from).sum() > 130:
            break
    return colour


def _texture(rng, u, v):
    """A random pattern over the object coordinates: float, 0..1 in every pixel, or None for a plain surface."""
    kind = rng.choice(["plain", "plain", "plain", "stripes", "dots", "checker", "noise"])
    if kind == "plain":
        return None
    angle = rng.uniform(0, np.pi)
    a = u * np.cos(angle) + v * np.sin(angle)
    b = v * np.cos(angle) - u * np.sin(angle)
    pitch = rng.uniform(2.0, 5.0)
    if kind == "stripes":
        return (np.sin(a * pitch * np.pi) > rng.uniform(-0.5, 0.5)).astype(np.float32)
    if kind == "checker":
        return ((np.floor(a * pitch) + np.floor(b * pitch)) % 2).astype(np.float32)
    if kind == "dots":
        da, db = (a * pitch) % 1 - 0.5, (b * pitch) % 1 - 0.5
        return (da * da + db * db < rng.uniform(0.04, 0.12)).astype(np.float32)
    return rng.random(u.shape, dtype=np.float32)


def surface(name, rng, u, v, background):
    """Colours of one object: float32 [h, w, 3], 0..255, for object coordinates u, v [h, w].

    `background` is the mean colour under the object, from which its own colour keeps away.
    """
    base = random_colour(rng, background).astype(np.float32)
    second = random_colour(rng).astype(np.float32)
    angle = rng.uniform(0, TAU)
    gradient = rng.uniform(0, 0.7) * (0.5 + 0.5 * (u * np.cos(angle) + v * np.sin(angle)))
    pattern = _texture(rng, u, v)
    mix = gradient if pattern is None else gradient * 0.4 + pattern * rng.uniform(0.25, 0.8)
    mix = np.clip(mix, 0, 1)[..., None]
    colour = base * (1 - mix) + second * mix
    shade = np.ones_like(u)
    if name == "ball":
        # A sphere lit from a random side: what tells a ball from any other disc.
        lx, ly = rng.uniform(-0.5, 0.5, 2)
        shade = 1.2 - 0.75 * ((u - lx) ** 2 + (v - ly) ** 2)
        gloss = np.exp(-((u - lx) ** 2 + (v - ly) ** 2) / 0.04) * rng.uniform(0, 160)
        colour = colour + gloss[..., None]
    elif name == "crate":
        planks = int(rng.integers(3, 6))
        edge = np.maximum(np.abs(u), np.abs(v)) > 0.66
        seam = np.abs((v * planks / 1.72 + planks / 2) % 1 - 0.5) > 0.44
        brace = np.abs(u - v) < 0.16
        shade = np.where(seam, 0.55, 1.0)
        shade = np.where(brace, 1.22, shade)
        shade = np.where(edge, 0.72, shade)
    elif name == "leaf":
        veins = np.abs(((u + np.abs(v) * -0.9) * 5) % 1 - 0.5) < 0.07
        shade = np.where(veins | (np.abs(v) < 0.035), 0.68, 1.0)
    shade = np.clip(shade, 0.2, 1.4).astype(np.float32)
    return np.clip(colour * shade[..., None], 0, 255).astype(np.float32)
