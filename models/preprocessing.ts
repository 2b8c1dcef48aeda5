import type { InputContract } from './contract.ts';

/** An input's name and size; everything else follows from the family. */
export type InputPlace = Pick<InputContract, 'name' | 'width' | 'height'>;

/** Ultralytics and most others: centred letterbox of grey 114, RGB / 255. */
export function centeredInput({ name, width, height }: InputPlace): InputContract {
  return {
    name,
    width,
    height,
    resize: 'letterbox',
    align: 'center',
    contentSize: [width, height],
    allowEnlarge: true,
    rounding: 'round',
    padValue: 114,
    channelOrder: 'rgb',
    scale: [1 / 255, 1 / 255, 1 / 255],
    offset: [0, 0, 0],
  };
}

/**
 * YOLOX (yolox/data/data_augment.py): top left, BGR levels as they are. Megvii's own tool truncates the resized width and
 * height; the detections that the tests compare with (shared/reference) were made with rounded ones, as here. It is a
 * pixel at most, and moves scores by up to 0.06.
 */
export function yoloxInput(place: InputPlace): InputContract {
  return {
    ...centeredInput(place),
    align: 'topLeft',
    channelOrder: 'bgr',
    scale: [1, 1, 1],
  };
}

/** YOLO-NAS fits the image to 4 pixels less than the input in both directions: 636 in 640. */
const NAS_MARGIN = 4;

/** YOLO-NAS (super-gradients, default_yolo_nas_coco_processing_params). */
export function yoloNasInput(place: InputPlace): InputContract {
  return { ...centeredInput(place), contentSize: [place.width - NAS_MARGIN, place.height - NAS_MARGIN] };
}
