import { describe, expect, it } from 'vitest';
import type { Graph, Value } from '../../engine/graph/types.ts';
import { runPasses } from '../../engine/passes/pipeline.ts';
import { compilePlan } from '../../engine/plan/compile.ts';
import { planSwitches } from '../../engine/plan/options.ts';
import type { Contract, DenseHead } from '../../models/contract.ts';
import { separateHead } from '../../models/separate-head.ts';
import { CORE_DEVICE } from '../../shaders/kernel-device.ts';
import { expectEquivalent, NetworkBuilder } from '../support/network.ts';

const CLASSES = 6;

/** Two levels of boxes, objectness and scores, joined as YOLOX exports them: [1, anchors, 5 + classes]. */
function yolox(): Graph {
  const b = new NetworkBuilder();
  const join = (axis: number, name: string, ...values: Value[]) => b.apply({ type: 'concat', axis }, values, name);
  const levels = [4, 2].map((size, level) => {
    const map = b.convolve(b.image(3, size, size, `image${level}`), 8, 3);
    const parts = [
      b.convolve(map, 4, 1),
      ...[1, CLASSES].map((count) => b.unary('sigmoid', b.convolve(map, count, 1))),
    ];
    const joined = join(1, `level${level}`, ...parts);
    return b.apply({ type: 'reshape', shape: [1, 5 + CLASSES, size * size] }, [joined], `flat${level}`);
  });
  const anchors = join(2, 'anchors', ...levels);
  const output = b.apply({ type: 'transpose', permutation: [0, 2, 1] }, [anchors], 'transposed', 'output');
  return b.finish('yolox', [output]);
}

const slice = (start: number, count: number) => ({ output: 'output', anchorAxis: 1, attributeAxis: 2, start, count });
const head: DenseHead = {
  kind: 'dense',
  boxes: slice(0, 4),
  objectness: slice(4, 1),
  scores: slice(5, CLASSES),
  boxForm: 'centerSize',
  decoding: { form: 'pixels' },
  suppression: 'classAware',
  classCount: CLASSES,
  anchorCount: 20,
};
const contract: Contract = {
  family: 'yolox',
  input: {
    name: 'image0',
    width: 4,
    height: 4,
    resize: 'letterbox',
    align: 'topLeft',
    contentSize: [4, 4],
    allowEnlarge: true,
    rounding: 'truncate',
    padValue: 114,
    channelOrder: 'bgr',
    scale: [1, 1, 1],
    offset: [0, 0, 0],
  },
  head,
  labels: Array.from({ length: CLASSES }, (_, label) => `${label}`),
  stride: 1,
  defaults: { scoreThreshold: 0.25, iouThreshold: 0.5, maxDetections: 10 },
};

function copies(graph: Graph): number {
  const device = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, software: false, maxBindingBytes: 2 ** 27 };
  const { steps } = compilePlan(runPasses(graph).graph, new Map(), device, planSwitches());
  return steps.filter(({ operator }) => operator === 'copy').length;
}

describe('separateHead', () => {
  it('gives boxes, objectness and scores outputs of their own', () => {
    const graph = yolox();
    const separated = separateHead({ graph, contract });
    expect(separated.graph.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['output:boxes', [1, 20, 4]],
      ['output:scores', [1, 20, CLASSES]],
      ['output:objectness', [1, 20, 1]],
    ]);
    const whole = { anchorAxis: 1, attributeAxis: 2, start: 0 };
    expect(separated.contract.head).toEqual({
      ...head,
      boxes: { ...whole, output: 'output:boxes', count: 4 },
      scores: { ...whole, output: 'output:scores', count: CLASSES },
      objectness: { ...whole, output: 'output:objectness', count: 1 },
    });
    expectEquivalent(runPasses(separated.graph).graph, separated.graph, 1e-6);
  });

  it('saves the copies of joining them', () => {
    const graph = yolox();
    expect(copies(graph)).toBe(4);
    expect(copies(separateHead({ graph, contract }).graph)).toBe(0);
  });

  it('leaves outputs that are apart, and finished rows', () => {
    const graph = yolox();
    const separated = separateHead({ graph, contract });
    expect(separateHead(separated)).toBe(separated);
    const rows = {
      graph,
      contract: { ...contract, head: { kind: 'endToEnd', detections: slice(0, 6), rows: 20, classCount: 5 } },
    } as const;
    expect(separateHead(rows)).toBe(rows);
  });
});
