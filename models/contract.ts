/**
 * What a detector expects of its input and means by its output: everything between an image and boxes that the graph
 * itself doesn't say. The values come from the file's metadata, the shapes of its outputs and the conventions of its
 * family (see `identify.ts`); a caller may override each of them.
 */
export interface Contract {
  /** For display only: 'yolov8', 'yolo11', 'yolox', 'yolo-nas' ... */
  readonly family: string;
  readonly input: InputContract;
  readonly head: HeadContract;
  /** By class number. Has `head.classCount` entries. */
  readonly labels: readonly string[];
  /** Width and height of the input are multiples of it, in pixels. */
  readonly stride: number;
  readonly defaults: DetectionDefaults;
}

/** How an image becomes the input tensor [1, 3, height, width]. */
export interface InputContract {
  /** The graph input. */
  readonly name: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Keep the aspect ratio and pad, or fill the input and distort. */
  readonly resize: 'letterbox' | 'stretch';
  /**
   * Where a letterboxed image lies: centred (of an odd number of padding pixels the extra one goes to the right and the
   * bottom: left = floor(padding / 2)), or in the top left corner.
   */
  readonly align: 'center' | 'topLeft';
  /** [width, height] that the image is resized to fit; smaller than the input where a family pads on every side. */
  readonly contentSize: readonly [number, number];
  /** Whether an image smaller than the content size is enlarged. */
  readonly allowEnlarge: boolean;
  /** How the resized width and height become whole pixels. */
  readonly rounding: 'round' | 'truncate';
  /** The level of padding, 0..255, before scale and offset. */
  readonly padValue: number;
  readonly channelOrder: 'rgb' | 'bgr';
  /**
   * Per channel, in the channel order above: element = level * scale + offset, with levels 0..255 as in the image. 1 where
   * the graph normalises by itself.
   */
  readonly scale: readonly [number, number, number];
  readonly offset: readonly [number, number, number];
}

/**
 * Where numbers lie in an output: element (anchor, attribute) is at index `anchor` of axis `anchorAxis` and index
 * `start + attribute` of axis `attributeAxis`, every other index being 0 (or the image's number on axis 0).
 */
export interface TensorSlice {
  /** The graph output. */
  readonly output: string;
  readonly anchorAxis: number;
  readonly attributeAxis: number;
  readonly start: number;
  /** Attributes. */
  readonly count: number;
}

export type HeadContract = DenseHead | EndToEndHead;

/** A box and the score of every class for each anchor; overlapping boxes are suppressed afterwards. */
export interface DenseHead {
  readonly kind: 'dense';
  /** Four numbers an anchor. */
  readonly boxes: TensorSlice;
  /** `classCount` numbers an anchor, 0..1. */
  readonly scores: TensorSlice;
  /** One number an anchor, 0..1, that multiplies its scores. */
  readonly objectness?: TensorSlice;
  /** Centre x, centre y, width, height; or x1, y1, x2, y2. In pixels of the network's input once decoded. */
  readonly boxForm: 'centerSize' | 'corners';
  /** Whether boxes are pixels already, or what makes them so. */
  readonly decoding: BoxDecoding;
  /** Boxes suppress boxes of their own class only. */
  readonly suppression: 'classAware';
  readonly classCount: number;
  readonly anchorCount: number;
}

export type BoxDecoding =
  | { readonly form: 'pixels' }
  /**
   * As YOLOX exports: x = (tx + column) * stride, y = (ty + row) * stride, width = exp(tw) * stride, height = exp(th) *
   * stride. Anchors are the cells of one grid per stride, in order of the strides, each row by row.
   */
  | { readonly form: 'yolox'; readonly strides: readonly number[] };

/** Finished detections, best first: one row of x1, y1, x2, y2 (pixels of the network's input), score, class each. */
export interface EndToEndHead {
  readonly kind: 'endToEnd';
  /** Six attributes a row, the rows being the "anchors". */
  readonly detections: TensorSlice;
  readonly rows: number;
  readonly classCount: number;
}

export interface DetectionDefaults {
  /** 0..1. */
  readonly scoreThreshold: number;
  /** 0..1: a box goes if it overlaps a better one of its class by more than this. */
  readonly iouThreshold: number;
  readonly maxDetections: number;
}

/** What a caller knows better than the file. Fields that are left out keep what was identified. */
export interface ContractOverrides {
  readonly family?: string;
  readonly input?: Partial<Omit<InputContract, 'name' | 'width' | 'height'>>;
  /** In place of the identified head, or where none is recognised. */
  readonly head?: HeadContract;
  readonly labels?: readonly string[];
  readonly defaults?: Partial<DetectionDefaults>;
}
