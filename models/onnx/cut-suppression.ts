import { UnsupportedModelError } from '../../engine/errors.ts';
import { decodeFloats } from '../../loader/decode.ts';
import type { FileGraph, FileNode, ModelFile, StoredTensor } from '../../loader/model-file.ts';
import type { DenseHead, DetectionDefaults } from '../contract.ts';
import { ancestorsOf, producersOf } from './file-graph.ts';

/** A graph that ends where its suppression of overlapping boxes began, and what that suppression knew. */
export interface SuppressionCut {
  /** Outputs: boxes and scores. Their types and dimensions are not stated. */
  readonly graph: FileGraph;
  /** Four numbers each: [batch, anchor, ..., 4]. */
  readonly boxes: string;
  readonly boxForm: DenseHead['boxForm'];
  /** 0..1. [batch, class, anchor] or [batch, anchor, class]. */
  readonly scores: string;
  readonly scoresOrder: 'classFirst' | 'anchorFirst';
  /** The thresholds that were in the graph. */
  readonly defaults: Partial<DetectionDefaults>;
}

/**
 * Cuts a graph at the operator that suppresses overlapping boxes, because how many boxes it returns depends on the data;
 * the detector suppresses them itself. What only its results lead to is dropped. Undefined where there is no such node.
 *
 * @throws UnsupportedModelError where there is one that can't be taken over
 */
export function cutSuppression(file: ModelFile, graph: FileGraph): SuppressionCut | undefined {
  const found = graph.nodes.filter((node) => Object.hasOwn(suppressions, node.operator));
  if (found.length === 0) return undefined;
  if (found.length > 1) {
    const names = found.map((node) => `"${node.name}"`).join(', ');
    throw new UnsupportedModelError(
      `${file.source} suppresses boxes more than once (${names}); export it without that`,
    );
  }
  const [node] = found;
  const context: CutContext = { source: file.source, node, producers: producersOf(graph), tensors: file.tensors };
  const { added, ...cut } = suppressions[node.operator](context);
  const outputs = [cut.boxes, cut.scores].map((name) => ({ name, type: 'float32' as const, dims: [] }));
  const nodes = [...graph.nodes, ...(added ? [added] : [])];
  const kept = ancestorsOf({ ...graph, nodes }, [cut.boxes, cut.scores]);
  return { ...cut, graph: { ...graph, ...kept, outputs } };
}

interface CutContext {
  readonly source: string;
  readonly node: FileNode;
  readonly producers: ReadonlyMap<string, FileNode>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** A cut before its graph is made; `added` is a node that the outputs need. */
type CutPlan = Omit<SuppressionCut, 'graph'> & { readonly added?: FileNode };

const suppressions: Readonly<Record<string, (context: CutContext) => CutPlan>> = {
  NonMaxSuppression: cutNonMaxSuppression,
  EfficientNMS_TRT: cutEfficientNms,
  BatchedNMS_TRT: cutBatchedNms,
  BatchedNMSDynamic_TRT: cutBatchedNms,
};

/** ONNX's own: boxes [batch, anchor, 4], scores [batch, class, anchor], then limits as tensors. */
function cutNonMaxSuppression(context: CutContext): CutPlan {
  const { node, producers } = context;
  const limits = {
    maxDetections: constantNumber(context, node.inputs[2]),
    iouThreshold: constantNumber(context, node.inputs[3]),
    scoreThreshold: constantNumber(context, node.inputs[4]),
  };
  const common = {
    boxForm: intAttribute(node, 'center_point_box', 0) === 1 ? 'centerSize' : 'corners',
    defaults: usable(limits),
  } as const;
  const plain = boxesWithoutOffset(context);
  if (plain) return { ...common, ...plain, scoresOrder: 'anchorFirst' };
  const boxes = inXyOrder(context, node.inputs[0]);
  const transposed = producers.get(node.inputs[1]);
  if (transposed?.operator === 'Transpose' && String(intsAttribute(transposed, 'perm')) === '0,2,1') {
    return { ...common, boxes, scores: transposed.inputs[0], scoresOrder: 'anchorFirst' };
  }
  return { ...common, boxes, scores: node.inputs[1], scoresOrder: 'classFirst' };
}

/** The operator takes corners in any order of axes; some exporters swap x and y for it. Undoes that. */
function inXyOrder({ producers, tensors }: CutContext, boxes: string): string {
  const swap = producers.get(boxes);
  const order = swap?.operator === 'Gather' ? tensors.get(swap.inputs[1]) : undefined;
  return swap && order && String(Array.from(decodeFloats(order))) === '1,0,3,2' ? swap.inputs[0] : boxes;
}

/**
 * Exports for a suppression without classes move the boxes of every class to a place of their own: boxes + class * offset,
 * and give each its best score as [batch, 1, anchor]. Finds the boxes and the scores of all classes before that.
 */
function boxesWithoutOffset(context: CutContext): Pick<SuppressionCut, 'boxes' | 'scores'> | undefined {
  const { producers, node, source } = context;
  const moved = producers.get(node.inputs[0]);
  if (moved?.operator !== 'Add') return undefined;
  const offset = moved.inputs.find((input) => bestClassOf(context, input));
  if (offset === undefined) return undefined;
  const best = bestScoreOf(context, node.inputs[1]);
  if (!best) {
    throw new UnsupportedModelError(
      `${source}: node "${node.name}" suppresses boxes moved by their class in an unknown form; export it without suppression`,
    );
  }
  return { boxes: moved.inputs[moved.inputs[0] === offset ? 1 : 0], scores: best.inputs[0] };
}

const passedOnTheWay: ReadonlySet<string> = new Set(['Mul', 'Cast', 'Transpose', 'Reshape', 'Unsqueeze', 'Squeeze']);

/** The node that finds an anchor's best class, where a value is computed from its index alone. */
function bestClassOf(context: CutContext, value: string): FileNode | undefined {
  return climb(context, value, (node, output) => {
    return node.operator === 'ArgMax' || (node.operator === 'TopK' && output === node.outputs[1]);
  });
}

/** The node that finds an anchor's best score, where a value is that score. */
function bestScoreOf(context: CutContext, value: string): FileNode | undefined {
  return climb(context, value, (node, output) => {
    return node.operator === 'ReduceMax' || (node.operator === 'TopK' && output === node.outputs[0]);
  });
}

/** Follows first inputs through nodes that keep what a value is about, to a node that `isEnd` accepts. */
function climb(
  { producers }: CutContext,
  value: string,
  isEnd: (node: FileNode, output: string) => boolean,
): FileNode | undefined {
  for (let output = value; ; ) {
    const node = producers.get(output);
    if (!node) return undefined;
    if (isEnd(node, output)) return node;
    if (!passedOnTheWay.has(node.operator)) return undefined;
    output = node.inputs[0];
  }
}

/** TensorRT's plugin: boxes [batch, anchor, 4] or [batch, anchor, 1, 4], scores [batch, anchor, class]. */
function cutEfficientNms(context: CutContext): CutPlan {
  const { node } = context;
  refuse(context, node.inputs.length > 2, 'it decodes boxes from anchors');
  refuse(context, intAttribute(node, 'background_class', -1) >= 0, 'it has a background class');
  refuse(context, intAttribute(node, 'class_agnostic', 0) !== 0, 'its boxes suppress those of other classes');
  const [boxes, scores] = node.inputs;
  const plan: CutPlan = {
    boxes,
    boxForm: intAttribute(node, 'box_coding', 0) === 1 ? 'centerSize' : 'corners',
    scores,
    scoresOrder: 'anchorFirst',
    defaults: usable({
      scoreThreshold: numberAttribute(node, 'score_threshold'),
      iouThreshold: numberAttribute(node, 'iou_threshold'),
      maxDetections: numberAttribute(node, 'max_output_boxes'),
    }),
  };
  if (intAttribute(node, 'score_activation', 0) === 0) return plan;
  const name = `${node.name}/sigmoid`;
  const added = { name, operator: 'Sigmoid', domain: '', inputs: [scores], outputs: [name], attributes: new Map() };
  return { ...plan, scores: name, added };
}

/** TensorRT's older plugin: boxes [batch, anchor, 1, 4], scores [batch, anchor, class]. */
function cutBatchedNms(context: CutContext): CutPlan {
  const { node } = context;
  refuse(context, intAttribute(node, 'shareLocation', 1) !== 1, 'it has boxes for each class');
  refuse(context, intAttribute(node, 'backgroundLabelId', -1) >= 0, 'it has a background class');
  refuse(context, intAttribute(node, 'isNormalized', 1) !== 0, 'its boxes are in units of the image, not pixels');
  return {
    boxes: node.inputs[0],
    boxForm: 'corners',
    scores: node.inputs[1],
    scoresOrder: 'anchorFirst',
    defaults: usable({
      scoreThreshold: numberAttribute(node, 'scoreThreshold'),
      iouThreshold: numberAttribute(node, 'iouThreshold'),
      maxDetections: numberAttribute(node, 'keepTopK'),
    }),
  };
}

function refuse({ source, node }: CutContext, condition: boolean, reason: string): void {
  if (!condition) return;
  const features = [{ node: node.name, operator: node.operator, reason }];
  throw new UnsupportedModelError(
    `${source}: suppression in node "${node.name}" (${node.operator}) can't be taken over: ${reason}`,
    features,
  );
}

/** Limits that are there and in range; a threshold of 0 or a limit of 0 means "none". */
function usable(limits: { readonly [K in keyof DetectionDefaults]?: number }): Partial<DetectionDefaults> {
  const inRange = ([name, value]: [string, number | undefined]) =>
    value !== undefined && value > 0 && (name === 'maxDetections' ? Number.isInteger(value) : value <= 1);
  return Object.fromEntries(Object.entries(limits).filter(inRange));
}

function constantNumber({ producers, tensors }: CutContext, name: string | undefined): number | undefined {
  if (!name) return undefined;
  const attribute =
    producers.get(name)?.operator === 'Constant' ? producers.get(name)?.attributes.get('value') : undefined;
  const tensor = tensors.get(name) ?? (attribute?.kind === 'tensor' ? attribute.value : undefined);
  return tensor ? decodeFloats(tensor)[0] : undefined;
}

function numberAttribute(node: FileNode, name: string): number | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' || attribute?.kind === 'float' ? attribute.value : undefined;
}

function intAttribute(node: FileNode, name: string, fallback: number): number {
  return numberAttribute(node, name) ?? fallback;
}

function intsAttribute(node: FileNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'ints' ? attribute.value : undefined;
}
