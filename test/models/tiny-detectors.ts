import { int, ints, type OnnxModel, type OnnxNode, type OnnxValue } from '../support/onnx-writer.ts';
import { randomFloats } from '../support/random.ts';
import type { TensorElements } from '../support/tensor-bytes.ts';

/** An image of 64x64 has this many cells at strides 8, 16 and 32. */
export const CELLS = 64 + 16 + 4;

/** What a head adds behind the convolutions of a tiny detector. */
export interface TinyHead {
  /** Of the map of each level. */
  readonly channels: number;
  /** From "maps" [1, channels, CELLS], unless `levels` takes its place. */
  readonly nodes: readonly OnnxNode[];
  readonly outputs: readonly string[];
  readonly initializers?: readonly TensorElements[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly input?: Partial<OnnxValue>;
  /** Nodes between the input and "image"; the input is "image" itself where there are none. */
  readonly preparation?: readonly OnnxNode[];
}

/**
 * A detector that is one convolution for each of the strides 8, 16 and 32 of an image of 64x64 pixels, their maps side by
 * side in "maps", and a head.
 */
export function tinyDetector({
  channels,
  nodes,
  outputs,
  initializers = [],
  metadata,
  input,
  preparation = [],
}: TinyHead): OnnxModel {
  const strides = [8, 16, 32];
  const levels = strides.flatMap((stride): OnnxNode[] => [
    {
      operator: 'Conv',
      inputs: ['image', `weight${stride}`],
      outputs: [`map${stride}`],
      attributes: { strides: ints(stride, stride) },
    },
    { operator: 'Reshape', inputs: [`map${stride}`, 'flat'], outputs: [`flat${stride}`] },
  ]);
  const joined: OnnxNode = {
    operator: 'Concat',
    inputs: strides.map((stride) => `flat${stride}`),
    outputs: ['maps'],
    attributes: { axis: int(2) },
  };
  const name = preparation.length > 0 ? 'pixels' : 'image';
  return {
    inputs: [{ name, type: 'float32', dims: [1, 3, 64, 64], ...input }],
    outputs: outputs.map((output) => ({ name: output, type: 'float32' })),
    initializers: [
      { name: 'flat', type: 'int64', dims: [3], data: [1, channels, -1] },
      ...strides.map((stride) => ({
        name: `weight${stride}`,
        type: 'float32' as const,
        dims: [channels, 3, stride, stride],
        data: randomFloats(stride, channels * 3 * stride * stride, 0.1),
      })),
      ...initializers,
    ],
    nodes: [...preparation, ...levels, joined, ...nodes],
    metadata,
  };
}

export const swapAxes = (from: string, to: string): OnnxNode => ({
  operator: 'Transpose',
  inputs: [from],
  outputs: [to],
  attributes: { perm: ints(0, 2, 1) },
});

/** Boxes "boxes" [1, CELLS, 4] and scores "scores" [1, CELLS, classes] of "maps", decoded by a scale for each cell. */
export function separateOutputs(classes: number): Pick<TinyHead, 'channels' | 'nodes' | 'initializers'> {
  return {
    channels: 4 + classes,
    nodes: [
      swapAxes('maps', 'rows'),
      { operator: 'Split', inputs: ['rows', 'parts'], outputs: ['distances', 'logits'], attributes: { axis: int(2) } },
      { operator: 'Mul', inputs: ['distances', 'scale'], outputs: ['boxes'] },
      { operator: 'Sigmoid', inputs: ['logits'], outputs: ['scores'] },
    ],
    initializers: [
      { name: 'parts', type: 'int64', dims: [2], data: [4, classes] },
      { name: 'scale', type: 'float32', dims: [1, CELLS, 1], data: new Float32Array(CELLS).fill(8) },
    ],
  };
}
