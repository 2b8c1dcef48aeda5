import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { decodeFloats, decodeIntegers, isIntegerType } from '../../../loader/decode.ts';
import type { AttributeValue, FileNode, ModelFile, StoredTensor } from '../../../loader/model-file.ts';
import { parseOnnx } from '../../../loader/onnx/parse.ts';
import { dataTypes, valueMessage } from '../../support/onnx-writer.ts';
import { concatBytes, ProtobufWriter } from '../../support/protobuf-writer.ts';
import { sharedPath } from '../../support/shared.ts';

/** Counts of nodes and initializers, and digests of both (see `digest`), as the Python package onnx 1.23 reads them. */
const expected: [file: string, nodes: number, initializers: number, nodeDigest: string, tensorDigest: string][] = [
  ['yolo-fastest-1.1-raw-heads.onnx', 164, 169, '65c5d764458dffb6', '9a8862b848508f2e'],
  ['yolo-nas-nms-only.onnx', 13, 5, 'a2133ca72c8d1227', 'b1785f94d479aa16'],
  ['yolo11n-320-int8-dynamic.onnx', 838, 459, '35ecad7c059c9634', '6de41e1d15029590'],
  ['yolo11n.onnx', 320, 201, 'ff2297fe1cae6f3a', 'f142d6e627a744a4'],
  ['yolo26n-int8-dynamic.onnx', 986, 534, 'd45390a6f192a75e', '38170081f93293f1'],
  ['yolo26n.onnx', 384, 228, '0483844e0b28d875', '70f133ba3dec8477'],
  ['yolov10n-int8-dynamic.onnx', 799, 439, '7332ba4772ffd4cf', '8c64757f705a8f49'],
  ['yolov10n-int8-qdq.onnx', 581, 555, '075bcce22dd61a1f', '57ef77698c2e37c0'],
  ['yolov10n.onnx', 308, 191, 'f26cce0061afa3dc', 'd96573923b74c966'],
  ['yolov5n-fp16.onnx', 376, 120, '339d778ede34cb15', 'e603e77f9cd2f767'],
  ['yolov8n-int8-dynamic.onnx', 611, 331, 'ff2c170fdaf30e33', '40ab371828c491b4'],
  ['yolov8n-int8-qdq.onnx', 607, 641, 'fc0d04eddf834993', '8a520cbd830e24f3'],
  ['yolov8n-int8-qoperator-broken.onnx', 307, 705, 'a1285b9459b9b7a9', '9de6e0cc62aadd05'],
  ['yolov8n-int8-qoperator.onnx', 308, 705, 'b19bd03eda308081', '9de6e0cc62aadd05'],
  ['yolov8n.onnx', 234, 140, '2cfa7e5cb2e37093', 'd2dde24a21e345dc'],
  ['yolox-nano.onnx', 369, 236, 'da6214359a359611', '68a527a07d1a9051'],
];

const folder = sharedPath('models');

function read(file: string): Uint8Array {
  return new Uint8Array(readFileSync(`${folder}/${file}`));
}

function parse(file: string): ModelFile {
  return parseOnnx(read(file), file);
}

function digest(lines: string[]): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest('hex').slice(0, 16);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function tensorText({ type, dims, bytes }: StoredTensor): string {
  return `${dataTypes[type]}|${dims.join()}|${hex(bytes)}`;
}

function nodeText({ operator, domain, inputs, outputs, attributes }: FileNode): string {
  const texts = Array.from(attributes, ([name, value]) => `${name}=${value.kind}:${attributeText(value)}`);
  return [operator, domain, inputs.join(), outputs.join(), texts.sort().join(';')].join('|');
}

function attributeText(attribute: AttributeValue): string {
  const float = (value: number) => hex(new Uint8Array(Float32Array.of(value).buffer));
  if (attribute.kind === 'tensor') return tensorText(attribute.value);
  if (attribute.kind === 'float') return float(attribute.value);
  if (attribute.kind === 'floats') return attribute.value.map(float).join();
  return String(attribute.value);
}

describe.skipIf(!folder)('trained networks (needs ../shared/models)', () => {
  test.each(expected)(
    '%s: every node, attribute and initializer',
    (file, nodes, initializers, nodeDigest, tensorDigest) => {
      const { graph, tensors } = parse(file);
      expect(graph?.nodes.length).toBe(nodes);
      expect(tensors.size).toBe(initializers);
      expect(digest(graph?.nodes.map(nodeText) ?? [])).toBe(nodeDigest);
      const sorted = Array.from(tensors.values()).sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(digest(sorted.map((tensor) => `${tensor.name}|${tensorText(tensor)}`))).toBe(tensorDigest);
    },
  );

  // A file may end with more parts of its graph: here, outputs that name some of its own initializers.
  const compared = ['yolov8n-int8-dynamic.onnx', 'yolov5n-fp16.onnx', 'yolox-nano.onnx', 'yolov8n-int8-qoperator.onnx'];
  test.each(compared)('%s: inputs, outputs and decoded elements as ONNX Runtime has them', async (file) => {
    const { graph, tensors } = parse(file);
    const all = Array.from(tensors.values()).filter(({ bytes }) => bytes.length > 0);
    const probes = all.filter((_, i) => i % Math.ceil(all.length / 12) === 0);
    const outputs = new ProtobufWriter();
    for (const probe of probes) outputs.message(12, valueMessage(probe));
    const bytes = concatBytes([read(file), new ProtobufWriter().message(7, outputs).finish()]);
    const session = await InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
    expect(session.inputNames).toEqual(graph?.inputs.map(({ name }) => name));
    const names = [...(graph?.outputs ?? []), ...probes].map(({ name }) => name);
    expect(session.outputNames.toSorted()).toEqual(names.toSorted());

    const feeds = Object.fromEntries(
      (graph?.inputs ?? []).map(({ name, type, dims }) => {
        const shape = dims.map((dim, axis) => (typeof dim === 'number' ? dim : [1, 3, 640, 640][axis]));
        const length = shape.reduce((product, dim) => product * dim);
        const data = type === 'float16' ? new Uint16Array(length) : new Float32Array(length);
        return [name, new Tensor(type === 'float16' ? type : 'float32', data, shape)];
      }),
    );
    const results = await session.run(
      feeds,
      probes.map(({ name }) => name),
    );
    await session.release();
    for (const probe of probes) {
      const result = results[probe.name];
      expect(result.dims).toEqual(probe.dims);
      const theirs = await result.getData();
      const ours = isIntegerType(probe.type) ? decodeIntegers(probe) : decodeFloats(probe);
      // ONNX Runtime gives float16 as bits; the bits of those that we hold are compared.
      if (probe.type === 'float16') expect(hex(probe.bytes)).toBe(hex(bytesOf(theirs)));
      else expect(ours).toEqual(ours.map((_, i) => Number(theirs[i])));
    }
  });

  test('metadata of an Ultralytics export', () => {
    const { metadata } = parse('yolov10n-int8-dynamic.onnx');
    expect(metadata.get('stride')).toBe('32');
    expect(metadata.get('task')).toBe('detect');
    expect(metadata.get('imgsz')).toBe('[640, 640]');
    expect(metadata.get('end2end')).toBe('True');
    const names = metadata.get('names') ?? '';
    expect(names.startsWith("{0: 'person', 1: 'bicycle'")).toBe(true);
    expect(names.match(/\d+: /g)?.length).toBe(80);
  });

  test('open dimensions keep their names', () => {
    expect(parse('yolov5n-fp16.onnx').graph?.inputs).toEqual([
      { name: 'images', type: 'float16', dims: ['batch', 3, 'height', 'width'] },
    ]);
    expect(parse('yolo-nas-nms-only.onnx').graph?.inputs[0]).toEqual({
      name: 'bboxes',
      type: 'float32',
      dims: [1, '?', 4],
    });
  });

  test('parsing copies no weights', () => {
    const bytes = read('yolov8n.onnx');
    const file = parseOnnx(bytes, 'yolov8n.onnx');
    for (const tensor of file.tensors.values()) expect(tensor.bytes.buffer).toBe(bytes.buffer);
  });
});

function bytesOf(view: unknown): Uint8Array {
  if (!ArrayBuffer.isView(view)) throw new Error('no typed array');
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
