import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assignPrecision } from '../../../engine/passes/assign-precision.ts';
import { runPasses } from '../../../engine/passes/pipeline.ts';
import { compilePlan } from '../../../engine/plan/compile.ts';
import { rulesFor } from '../../../engine/plan/lowering-rules.ts';
import { planSwitches } from '../../../engine/plan/options.ts';
import { parseOnnx } from '../../../loader/onnx/parse.ts';
import { importOnnx } from '../../../models/onnx/import.ts';
import { sharedPath } from '../../support/shared.ts';

const models = sharedPath('models');
const device = { float16: true, smallestSubgroup: 8, software: false, maxBindingBytes: 2 ** 27 };

describe.skipIf(!models)('plans of exported networks (needs ../shared/models)', () => {
  it.each([
    ['yolox-nano', 416],
    ['yolov5n-fp16', 640],
    ['yolov8n', 640],
    ['yolov10n', 640],
    ['yolo11n', 640],
    ['yolo26n', 640],
  ])('%s: activations take at most 1.15 times their lower bound', async (name, size) => {
    const file = parseOnnx(new Uint8Array(readFileSync(`${models}/${name}.onnx`)), `${name}.onnx`);
    const { graph } = runPasses(importOnnx(file, { inputShapes: { images: [1, 3, size, size] } }));
    const rules = await rulesFor(graph);
    for (const precision of ['float32', 'float16'] as const) {
      const { memory } = compilePlan(graph, assignPrecision(graph, precision), device, planSwitches(), {}, rules);
      expect(memory.activations / memory.lowerBound).toBeLessThanOrEqual(1.15);
    }
  });
});
