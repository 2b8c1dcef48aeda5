import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../../engine/graph/types.ts';
import { runPasses } from '../../../engine/passes/pipeline.ts';
import { parseOnnx } from '../../../loader/onnx/parse.ts';
import { importOnnx } from '../../../models/onnx/import.ts';
import { sharedPath } from '../../support/shared.ts';

const models = sharedPath('models');

function countsOf(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {};
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  for (const { op } of graph.nodes) {
    count(op.type);
    if (op.type === 'conv2d') for (const step of op.epilogue) count(step.name);
    if (op.type === 'unary') count(`lone ${op.function.name}`);
  }
  return counts;
}

describe.skipIf(!models)('passes on exported networks (needs ../shared/models)', () => {
  // The counts of Conv and Sigmoid nodes are those of the files, but for the mean of the box distributions, which is a
  // convolution there; every bottleneck adds one residual.
  it.each([
    ['yolox-nano', 416, { conv2d: 113, silu: 104, addResidual: 7, 'lone sigmoid': undefined, binary: undefined }],
    ['yolov5n-fp16', 640, { conv2d: 60, silu: 57, addResidual: 7, 'lone sigmoid': undefined }],
    ['yolov8n', 640, { conv2d: 63, silu: 57, addResidual: 6, 'lone sigmoid': undefined, distanceBoxes: 1 }],
    ['yolov10n', 640, { conv2d: 82, silu: 69, addResidual: 10, 'lone sigmoid': undefined, distanceBoxes: 1 }],
    ['yolo11n', 640, { conv2d: 87, silu: 77, addResidual: 14, 'lone sigmoid': undefined, distanceBoxes: 1 }],
    ['yolo26n', 640, { conv2d: 102, silu: 87, addResidual: 20, 'lone sigmoid': undefined, distanceBoxes: 1 }],
  ])('%s: every activation and residual is in a convolution', (name, size, expected) => {
    const file = parseOnnx(new Uint8Array(readFileSync(`${models}/${name}.onnx`)), `${name}.onnx`);
    const { graph } = runPasses(importOnnx(file, { inputShapes: { images: [1, 3, size, size] } }), {
      disabled: ['merge-siblings', 'split-upsampled'],
    });
    const counts = countsOf(graph);
    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, counts[key]]))).toEqual(expected);
    expect(graph.nodes.every((node) => node.inputs.some((input) => !input.constant))).toBe(true);
  });
});
