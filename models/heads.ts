import type { Graph, Value } from '../engine/graph/types.ts';
import { arithmeticBehind } from './box-decoding.ts';
import type { DenseHead, EndToEndHead, HeadContract, TensorSlice } from './contract.ts';
import type { SuppressionCut } from './onnx/cut-suppression.ts';

/** Whose conventions surround a head: they decide on preprocessing and thresholds. */
export type Conventions = 'ultralytics' | 'yolox' | 'yolo-nas';

export interface RecognizedHead {
  readonly head: HeadContract;
  readonly conventions: Conventions;
  /** The family that this layout is best known from, for display where nothing else names one. */
  readonly family: string;
}

/** What is known besides the graph. */
export interface HeadHints {
  /** [width, height] of the input. */
  readonly inputSize: readonly [number, number];
  /** The number of classes that the file names. */
  readonly classCount?: number;
  /** Whether the file says that its outputs are finished detections. */
  readonly endToEnd: boolean;
}

/** Layouts that are recognised, for messages. */
export const knownLayouts =
  '1x(4+C)xN, 1xNx(5+C), 1xNx6 rows of finished detections, or boxes 1xNx4 beside scores 1xNxC';

/** The head of a graph by the shapes of its outputs. Undefined where it is none of `knownLayouts`. */
export function recognizeHead(graph: Graph, hints: HeadHints): RecognizedHead | undefined {
  const [pair, single] = [boxesAndScores(graph.outputs), singleOutput(graph.outputs)];
  if (pair) return { head: separateHead(pair), conventions: 'yolo-nas', family: 'yolo-nas' };
  if (!single) return undefined;
  return endToEndHead(graph, single, hints) ?? joinedHead(graph, single, hints);
}

/** The head of a graph that was cut before its suppression. Undefined where its outputs aren't what a suppression reads. */
export function headOfCut({ outputs: [boxes, scores] }: Graph, cut: SuppressionCut): DenseHead | undefined {
  const [anchorAxis, attributeAxis] = cut.scoresOrder === 'anchorFirst' ? [1, 2] : [2, 1];
  const oneBox = boxes.shape.length === 3 || (boxes.shape.length === 4 && boxes.shape[2] === 1);
  const fits =
    oneBox &&
    boxes.shape[boxes.shape.length - 1] === 4 &&
    scores.shape.length === 3 &&
    scores.shape[anchorAxis] === boxes.shape[1] &&
    [boxes, scores].every((output) => output.kind === 'float');
  return fits ? separateHead({ boxes, scores, anchorAxis, attributeAxis, boxForm: cut.boxForm }) : undefined;
}

interface SeparateOutputs {
  /** [batch, anchor, ..., 4] */
  readonly boxes: Value;
  readonly scores: Value;
  /** Of the scores. */
  readonly anchorAxis: number;
  readonly attributeAxis: number;
  readonly boxForm: DenseHead['boxForm'];
}

function separateHead({ boxes, scores, anchorAxis, attributeAxis, boxForm }: SeparateOutputs): DenseHead {
  const classCount = scores.shape[attributeAxis];
  return {
    kind: 'dense',
    boxes: { output: boxes.name, anchorAxis: 1, attributeAxis: boxes.shape.length - 1, start: 0, count: 4 },
    scores: { output: scores.name, anchorAxis, attributeAxis, start: 0, count: classCount },
    boxForm,
    decoding: { form: 'pixels' },
    suppression: 'classAware',
    classCount,
    anchorCount: boxes.shape[1],
  };
}

/** YOLO-NAS: [1, N, 4] and [1, N, C], or [1, C, N]. */
function boxesAndScores(outputs: readonly Value[]): SeparateOutputs | undefined {
  if (outputs.length !== 2 || !outputs.every((output) => output.kind === 'float')) return undefined;
  for (const [boxes, scores] of [outputs, [outputs[1], outputs[0]]]) {
    const anchors = boxes.shape[1];
    if (boxes.shape.length !== 3 || boxes.shape[2] !== 4 || scores.shape.length !== 3) continue;
    const common = { boxes, scores, boxForm: 'corners' } as const;
    if (scores.shape[1] === anchors) return { ...common, anchorAxis: 1, attributeAxis: 2 };
    if (scores.shape[2] === anchors) return { ...common, anchorAxis: 2, attributeAxis: 1 };
  }
  return undefined;
}

/** The one output of three dimensions; some exports give the raw maps of each level beside it, which have more. */
function singleOutput(outputs: readonly Value[]): Value | undefined {
  const flat = outputs.filter((output) => output.kind === 'float' && output.shape.length === 3);
  const raw = outputs.filter((output) => output.shape.length > 3);
  return flat.length === 1 && flat.length + raw.length === outputs.length ? flat[0] : undefined;
}

/** Rows x1, y1, x2, y2, score, class: the network ranks its anchors itself, so there is a top-k in it. */
function endToEndHead(graph: Graph, output: Value, hints: HeadHints): RecognizedHead | undefined {
  const [, rows, columns] = output.shape;
  const ranks = graph.nodes.some((node) => node.op.type === 'topK');
  if (columns !== 6 || !(ranks || hints.endToEnd)) return undefined;
  const head: EndToEndHead = {
    kind: 'endToEnd',
    detections: { output: output.name, anchorAxis: 1, attributeAxis: 2, start: 0, count: 6 },
    rows,
    classCount: hints.classCount ?? rankedClasses(graph) ?? DEFAULT_CLASS_COUNT,
  };
  return { head, conventions: 'ultralytics', family: 'yolov10' };
}

/** COCO's: what a network without names or any trace of a count is taken to know. */
const DEFAULT_CLASS_COUNT = 80;

/** A ranking over anchors and classes at once finds the class of an entry as its index modulo the number of classes. */
function rankedClasses(graph: Graph): number | undefined {
  for (const { op, inputs } of graph.nodes) {
    if (op.type === 'binary' && op.function === 'modulo' && inputs[0].kind === 'int') return inputs[1].constant?.[0];
  }
  return undefined;
}

/** Box, perhaps objectness, and scores of an anchor in one tensor: [1, 4 + C, N], [1, N, 5 + C] and their transposes. */
function joinedHead(graph: Graph, output: Value, hints: HeadHints): RecognizedHead | undefined {
  const [, first, second] = output.shape;
  const [firstGrids, secondGrids] = [first, second].map((count) => gridsOf(count, hints.inputSize));
  const anchorsFirst = Boolean(firstGrids) === Boolean(secondGrids) ? first > second : Boolean(firstGrids);
  const [anchorCount, attributes] = anchorsFirst ? [first, second] : [second, first];
  // Without names: anchor-major layouts come from families with objectness, attribute-major ones from families without.
  const leading = hints.classCount === undefined ? (anchorsFirst ? 5 : 4) : attributes - hints.classCount;
  if ((leading !== 4 && leading !== 5) || attributes <= leading) return undefined;
  const [anchorAxis, attributeAxis] = anchorsFirst ? [1, 2] : [2, 1];
  const part = (start: number, count: number): TensorSlice => {
    return { output: output.name, anchorAxis, attributeAxis, start, count };
  };
  const decoded: DenseHead = {
    kind: 'dense',
    boxes: part(0, 4),
    ...(leading === 5 ? { objectness: part(4, 1) } : {}),
    scores: part(leading, attributes - leading),
    boxForm: 'centerSize',
    decoding: { form: 'pixels' },
    suppression: 'classAware',
    classCount: attributes - leading,
    anchorCount,
  };
  return withDecoding(graph, output, decoded, anchorsFirst ? firstGrids : secondGrids);
}

/** Tells families with objectness apart by what their graphs do to boxes. */
function withDecoding(
  graph: Graph,
  output: Value,
  head: DenseHead,
  grids: Grids | undefined,
): RecognizedHead | undefined {
  const { decodes, exponential } = arithmeticBehind(graph, output);
  const oneAnchorPerCell = grids?.anchorsPerCell === 1;
  if (!decodes) {
    // Of raw numbers only YOLOX's can be told from their shape.
    if (!grids || !oneAnchorPerCell || !head.objectness) return undefined;
    const decoding = { form: 'yolox', strides: grids.strides } as const;
    return { head: { ...head, decoding }, conventions: 'yolox', family: 'yolox' };
  }
  if (!head.objectness) return { head, conventions: 'ultralytics', family: 'yolov8' };
  const isYolox = exponential && oneAnchorPerCell;
  return { head, ...(isYolox ? ({ conventions: 'yolox', family: 'yolox' } as const) : anchorBased) };
}

const anchorBased = { conventions: 'ultralytics', family: 'yolov5' } as const;

interface Grids {
  readonly strides: readonly number[];
  readonly anchorsPerCell: number;
}

/** The levels of known families. */
const strideSets = [
  [8, 16, 32],
  [8, 16, 32, 64],
  [4, 8, 16, 32],
  [16, 32],
];

/** The grids over the input that have this many anchors in all. */
function gridsOf(anchors: number, [width, height]: readonly [number, number]): Grids | undefined {
  for (const strides of strideSets) {
    const cells = strides.reduce((sum, stride) => sum + Math.ceil(width / stride) * Math.ceil(height / stride), 0);
    for (const anchorsPerCell of [1, 3]) {
      if (anchors === cells * anchorsPerCell) return { strides, anchorsPerCell };
    }
  }
  return undefined;
}
