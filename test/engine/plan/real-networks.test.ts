import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assignPrecision } from '../../../engine/passes/assign-precision.ts';
import { runPasses } from '../../../engine/passes/pipeline.ts';
import { compilePlan } from '../../../engine/plan/compile.ts';
import { rulesFor } from '../../../engine/plan/lowering-rules.ts';
import { planSwitches } from '../../../engine/plan/options.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { parseOnnx } from '../../../loader/onnx/parse.ts';
import { buildModel } from '../../../models/model.ts';
import { importOnnx } from '../../../models/onnx/import.ts';
import { separateHead } from '../../../models/separate-head.ts';
import { CORE_DEVICE } from '../../../shaders/kernel-device.ts';
import { sharedPath } from '../../support/shared.ts';

const models = sharedPath('models');
const device = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, software: false, maxBindingBytes: 2 ** 27 };

/** The plan for a file, each convolution one dispatch. */
async function planOf(name: string, size: number, disabled: readonly string[] = []): Promise<Plan> {
  const file = parseOnnx(new Uint8Array(readFileSync(`${models}/${name}.onnx`)), `${name}.onnx`);
  const { graph } = runPasses(importOnnx(file, { inputShapes: { images: [1, 3, size, size] } }), { disabled });
  const rules = await rulesFor(graph);
  return compilePlan(graph, assignPrecision(graph, 'float32'), device, planSwitches(['winograd']), {}, rules);
}

/** What passes save dispatches or bytes by rewriting what exporters wrote. */
const REWRITES = [
  'split-concatenations',
  'fold-space-to-depth',
  'recognize-distance-boxes',
  'hoist-activations',
  'merge-siblings',
  'merge-pools',
  'separate-heads',
  'recognize-attention',
  'split-upsampled',
];

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

  it.each([
    ['yolox-nano', 416, 114, 128],
    ['yolov5n-fp16', 640, 64, 77],
    ['yolov8n', 640, 64, 77],
    ['yolov10n', 640, 96, 109],
    ['yolo11n', 640, 89, 107],
    ['yolo26n', 640, 112, 133],
  ])('%s: %i pixels: fewer dispatches and bytes than its file asks for', async (name, size, most, spelledOut) => {
    const [plan, plain] = [await planOf(name, size), await planOf(name, size, REWRITES)];
    expect(plan.steps.length).toBeLessThanOrEqual(most);
    expect(plain.steps.length).toBe(spelledOut);
    const bytesOf = ({ steps }: Plan) => steps.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(bytesOf(plan)).toBeLessThan(0.9 * bytesOf(plain));
  });

  it('detects with YOLOv8n in at most 75 dispatches, preprocessing, decoding and suppression included', async () => {
    const file = parseOnnx(new Uint8Array(readFileSync(`${models}/yolov8n.onnx`)), 'yolov8n.onnx');
    const model = separateHead(await buildModel(file));
    const { graph } = runPasses(model.graph);
    const { steps } = compilePlan(graph, new Map(), device, planSwitches(), {}, await rulesFor(graph));
    expect(steps.length + 3).toBeLessThanOrEqual(75);
  });
});
