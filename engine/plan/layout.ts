import { sameShape } from '../graph/indexing.ts';
import type { Graph, Node, Value } from '../graph/types.ts';
import type { Layout } from './views.ts';

/** Ops whose kernels read and write channels-last feature maps only. */
const FEATURE_MAP_OPS: ReadonlySet<string> = new Set([
  'conv2d',
  'convTranspose2d',
  'maxPool2d',
  'maxPoolPyramid',
  'averagePool2d',
  'resize2d',
]);

export function needsFeatureMap(node: Node): boolean {
  return FEATURE_MAP_OPS.has(node.op.type);
}

/**
 * The layout that each value would be written in if it got memory of its own: channels-last where it comes from or goes
 * to a feature map op, row-major elsewhere.
 */
export function assignLayouts(graph: Graph): ReadonlyMap<Value, Layout> {
  const wanted = new Set<Value>();
  for (const node of graph.nodes) {
    if (needsFeatureMap(node)) wanted.add(node.inputs[0]);
  }
  const layouts = new Map<Value, Layout>();
  for (const input of graph.inputs) layouts.set(input, input.shape.length === 4 ? 'packed' : 'linear');
  for (const node of graph.nodes) {
    for (const output of node.outputs)
      layouts.set(output, wanted.has(output) ? 'packed' : layoutFrom(node, output, layouts));
  }
  return layouts;
}

function layoutFrom(node: Node, output: Value, layouts: ReadonlyMap<Value, Layout>): Layout {
  if (needsFeatureMap(node)) return 'packed';
  const packed = (value: Value) => layouts.get(value) === 'packed';
  switch (node.op.type) {
    case 'unary':
    case 'cast':
    case 'distanceBoxes':
    case 'slice':
    case 'softmax':
    case 'pad':
      return packed(node.inputs[0]) ? 'packed' : 'linear';
    case 'binary':
    case 'select':
      return node.inputs.some((input) => packed(input) && sameShape(input.shape, output.shape)) ? 'packed' : 'linear';
    case 'attention':
      return 'packed';
    case 'concat':
      return node.inputs.some(packed) ? 'packed' : 'linear';
    case 'reshape': {
      // Batch and channels kept: only the pixels are counted differently.
      const [from, to] = [node.inputs[0].shape, output.shape];
      const keepsChannels = from.length >= 3 && to.length >= 3 && from[0] === to[0] && from[1] === to[1];
      return packed(node.inputs[0]) && keepsChannels ? 'packed' : 'linear';
    }
    default:
      return 'linear';
  }
}
