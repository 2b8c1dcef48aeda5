"""Draws the five scenes of examples/images; their scene numbers are never trained on.

    python example_images.py --out ../images
"""

import argparse

import cv2

from scenes import make_scene, write_scenes

SERIES = 77
SCENES = ((16, 640, 480), (31, 640, 480), (118, 480, 600), (43, 640, 480), (111, 480, 600))   # number, width, height


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder of the pictures and instances.json")
    args = parser.parse_args()
    scenes = [make_scene(SERIES * 1_000_000 + number, width, height) for number, width, height in SCENES]
    names = [f"scene-{i}.jpg" for i in range(1, len(scenes) + 1)]
    write_scenes(scenes, args.out, names, images_folder=".", extra_options=[cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
