import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { InvalidArgumentError, UnsupportedModelError } from '../../engine/errors.ts';
import { executeReference } from '../../engine/graph/execute.ts';
import { parseOnnx } from '../../loader/onnx/parse.ts';
import { buildOnnxDetector } from '../../models/onnx/detector.ts';
import { importOnnx } from '../../models/onnx/import.ts';
import { sharedPath } from '../support/shared.ts';
import { runtimeOutput } from './runtime-outputs.ts';

const folder = sharedPath('models');

function read(name: string) {
  return parseOnnx(new Uint8Array(readFileSync(`${folder}/${name}`)), name);
}

/** Nodes before and after import, and what the contract of each network must be. */
const dense = { kind: 'dense', boxForm: 'centerSize', classCount: 80 };
const decoded = { ...dense, decoding: { form: 'pixels' }, anchorCount: 8400 };
const ranked = { kind: 'endToEnd', rows: 300, classCount: 80 };
const networks: Record<
  string,
  { nodes: [number, number]; family: string; size: number; head: object; output: number[] }
> = {
  'yolox-nano.onnx': {
    nodes: [369, 369],
    family: 'yolox',
    size: 416,
    head: { ...dense, decoding: { form: 'yolox', strides: [8, 16, 32] }, anchorCount: 3549, objectness: { start: 4 } },
    output: [1, 3549, 85],
  },
  'yolov5n-fp16.onnx': {
    nodes: [376, 242],
    family: 'yolov5',
    size: 640,
    head: { ...decoded, anchorCount: 25200, objectness: { start: 4 } },
    output: [1, 25200, 85],
  },
  'yolov8n.onnx': { nodes: [234, 243], family: 'yolov8', size: 640, head: decoded, output: [1, 84, 8400] },
  'yolov8n-int8-dynamic.onnx': { nodes: [611, 370], family: 'yolov8', size: 640, head: decoded, output: [1, 84, 8400] },
  'yolov8n-int8-qdq.onnx': { nodes: [607, 488], family: 'yolov8', size: 640, head: decoded, output: [1, 84, 8400] },
  'yolov8n-int8-qoperator.onnx': {
    nodes: [308, 1013],
    family: 'yolov8',
    size: 640,
    head: decoded,
    output: [1, 84, 8400],
  },
  'yolov8n-int8-qoperator-broken.onnx': {
    nodes: [307, 1015],
    family: 'yolov8',
    size: 640,
    head: decoded,
    output: [1, 84, 8400],
  },
  'yolov10n.onnx': { nodes: [308, 320], family: 'yolov10', size: 640, head: ranked, output: [1, 300, 6] },
  'yolov10n-int8-dynamic.onnx': { nodes: [799, 485], family: 'yolov10', size: 640, head: ranked, output: [1, 300, 6] },
  'yolov10n-int8-qdq.onnx': { nodes: [581, 540], family: 'yolov10', size: 640, head: ranked, output: [1, 300, 6] },
  'yolo11n.onnx': { nodes: [320, 332], family: 'yolo11', size: 640, head: decoded, output: [1, 84, 8400] },
  'yolo11n-320-int8-dynamic.onnx': {
    nodes: [838, 515],
    family: 'yolo11',
    size: 320,
    head: { ...decoded, anchorCount: 2100 },
    output: [1, 84, 2100],
  },
  'yolo26n.onnx': { nodes: [384, 398], family: 'yolo26', size: 640, head: ranked, output: [1, 300, 6] },
  'yolo26n-int8-dynamic.onnx': { nodes: [986, 602], family: 'yolo26', size: 640, head: ranked, output: [1, 300, 6] },
};

describe.skipIf(!folder)('the trained networks of ../shared/models (needs that folder)', () => {
  for (const [name, { nodes, family, size, head, output }] of Object.entries(networks)) {
    test(`${name} is imported and recognised`, () => {
      const file = read(name);
      const { graph, contract } = buildOnnxDetector(file);
      expect([file.graph?.nodes.length, graph.nodes.length]).toEqual(nodes);
      expect(graph.outputs.map(({ shape }) => shape)).toEqual([output]);
      expect(contract.head).toMatchObject(head);
      const isYolox = family === 'yolox';
      expect(contract).toMatchObject({
        family,
        stride: 32,
        input: { name: 'images', width: size, height: size, channelOrder: isYolox ? 'bgr' : 'rgb' },
        defaults: { scoreThreshold: 0.25, iouThreshold: isYolox ? 0.65 : 0.7, maxDetections: 300 },
      });
      expect([contract.labels[0], contract.labels[79]]).toEqual(['person', 'toothbrush']);
    });

    test(`${name} leaves no integer arithmetic but that of its ranking`, () => {
      const { graph } = buildOnnxDetector(read(name));
      const integer = graph.nodes.filter((node) => node.outputs.some(({ kind }) => kind !== 'float'));
      const kinds = new Set(integer.map(({ op }) => op.type));
      if (!name.includes('yolov10n') && !name.includes('yolo26n')) expect(kinds).toEqual(new Set());
      for (const kind of kinds) {
        expect(['topK', 'reshape', 'expand', 'binary', 'gather', 'gatherElements', 'slice']).toContain(kind);
      }
    });
  }

  test('yolox-nano computes what ONNX Runtime computes', async () => {
    const name = 'yolox-nano.onnx';
    const { graph } = buildOnnxDetector(read(name));
    const [image] = graph.inputs;
    const count = image.shape.reduce((product, dim) => product * dim, 1);
    const data = Float32Array.from({ length: count }, (_, i) =>
      Math.round(127 + 120 * Math.sin(i / 29) * Math.cos(i / 4111)),
    );
    const expected = await runtimeOutput(`${folder}/${name}`, image, data);
    const [actual] = executeReference(graph, new Map([[image.name, { ...image, data }]]));
    const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual.data[i])), 0);
    expect(worst).toBeLessThan(1e-3);
  });

  test('a network with open sizes can be specialised', () => {
    const graph = importOnnx(read('yolov5n-fp16.onnx'), { inputShapes: { images: [2, 3, 640, 640] } });
    expect(graph.outputs[0].shape).toEqual([2, 25200, 85]);
  });

  test('a network of one size refuses others', () => {
    expect(() => buildOnnxDetector(read('yolov8n.onnx'), { inputSize: 320 })).toThrow(InvalidArgumentError);
    expect(() => buildOnnxDetector(read('yolov8n.onnx'), { inputSize: 320 })).toThrow(
      /fixed to an input of 640x640 pixels/,
    );
    const open = () => buildOnnxDetector(read('yolov5n-fp16.onnx'), { inputSize: 320 });
    expect(open).toThrow(InvalidArgumentError);
    expect(open).toThrow(/yolov5n-fp16\.onnx can't be run at 320x320: .*made for one size/);
    expect(() => buildOnnxDetector(read('yolov5n-fp16.onnx'), { inputSize: 630 })).toThrow(/use 608 or 640/);
  });

  test('files that are no detectors say so', () => {
    expect(() => buildOnnxDetector(read('yolo-nas-nms-only.onnx'))).toThrow(UnsupportedModelError);
    expect(() => buildOnnxDetector(read('yolo-nas-nms-only.onnx'))).toThrow(/has no network in it/);
    expect(() => buildOnnxDetector(read('yolo-fastest-1.1-raw-heads.onnx'))).toThrow(
      /"yolo121" 1x255x10x10, "yolo130" 1x255x20x20/,
    );
    expect(importOnnx(read('yolo-fastest-1.1-raw-heads.onnx')).outputs).toHaveLength(2);
  });
});
