import { describe, expect, test } from 'vitest';
import { InvalidArgumentError, UnsupportedModelError } from '../../engine/errors.ts';
import { parseOnnx } from '../../loader/onnx/parse.ts';
import { buildOnnxDetector } from '../../models/onnx/detector.ts';
import type { ModelOptions } from '../../models/types.ts';
import { int, ints, type OnnxModel, type OnnxNode, writeOnnx } from '../support/onnx-writer.ts';
import { CELLS, separateOutputs, swapAxes, type TinyHead, tinyDetector } from './tiny-detectors.ts';

function contractOf(model: OnnxModel, options?: ModelOptions, name = 'network.onnx') {
  return buildOnnxDetector(parseOnnx(writeOnnx(model), name), options).contract;
}

/** Multiplies what a head computes by a number for each cell, as every decoding does somewhere. */
const perCell = { name: 'scale', type: 'float32', dims: [1, 1, CELLS], data: new Float32Array(CELLS).fill(8) } as const;
const decode = (from: string, to: string): OnnxNode => ({ operator: 'Mul', inputs: [from, 'scale'], outputs: [to] });

/** Attribute-major, as v8. */
function attributeMajor(channels: number): TinyHead {
  return { channels, nodes: [decode('maps', 'y')], outputs: ['y'], initializers: [perCell] };
}

/** Anchor-major, as v6. */
function anchorMajor(channels: number): TinyHead {
  return {
    channels,
    nodes: [decode('maps', 'scaled'), swapAxes('scaled', 'y')],
    outputs: ['y'],
    initializers: [perCell],
  };
}

const pixels = { form: 'pixels' };

describe('one output of boxes and scores', () => {
  test('1x(4+C)xN has no objectness', () => {
    const { head, input, labels } = contractOf(tinyDetector(attributeMajor(4 + 80)));
    expect(head).toEqual({
      kind: 'dense',
      boxes: { output: 'y', anchorAxis: 2, attributeAxis: 1, start: 0, count: 4 },
      scores: { output: 'y', anchorAxis: 2, attributeAxis: 1, start: 4, count: 80 },
      boxForm: 'centerSize',
      decoding: pixels,
      suppression: 'classAware',
      classCount: 80,
      anchorCount: CELLS,
    });
    expect(labels[2]).toBe('car');
    expect(input).toMatchObject({ align: 'center', channelOrder: 'rgb', rounding: 'round', contentSize: [64, 64] });
    expect(input.scale[0]).toBeCloseTo(1 / 255);
  });

  test('1xNx(5+C) has objectness', () => {
    const { head } = contractOf(tinyDetector(anchorMajor(5 + 3)));
    expect(head).toMatchObject({
      boxes: { output: 'y', anchorAxis: 1, attributeAxis: 2, start: 0, count: 4 },
      objectness: { output: 'y', anchorAxis: 1, attributeAxis: 2, start: 4, count: 1 },
      scores: { output: 'y', anchorAxis: 1, attributeAxis: 2, start: 5, count: 3 },
      decoding: pixels,
      classCount: 3,
      anchorCount: CELLS,
    });
  });

  test('is told apart by the names of classes where both fit', () => {
    const names = { names: "{0: 'cat', 1: 'dog', 2: 'bird'}" };
    const major = contractOf(tinyDetector({ ...anchorMajor(4 + 3), metadata: names }));
    expect(major.head).toMatchObject({ classCount: 3, scores: { start: 4 } });
    expect(major.head).not.toHaveProperty('objectness');
    const minor = contractOf(tinyDetector({ ...attributeMajor(5 + 3), metadata: names }));
    expect(minor.head).toMatchObject({ classCount: 3, scores: { start: 5 }, objectness: { start: 4 } });
    expect(minor.labels).toEqual(['cat', 'dog', 'bird']);
    expect(contractOf(tinyDetector(anchorMajor(4 + 2)), { labels: ['a', 'b'] }).head).toMatchObject({ classCount: 2 });
  });

  test('that does not fit the names of classes is refused', () => {
    const model = tinyDetector({ ...attributeMajor(4 + 3), metadata: { names: "['a', 'b', 'c', 'd', 'e']" } });
    expect(() => contractOf(model)).toThrow(UnsupportedModelError);
    expect(() => contractOf(model)).toThrow(
      /network\.onnx: its outputs \("y" 1x7x84\) are no known layout .* for 5 classes/,
    );
  });

  test('beside raw maps is the one that counts', () => {
    const head = attributeMajor(4 + 2);
    const { graph } = buildOnnxDetector(
      parseOnnx(writeOnnx(tinyDetector({ ...head, outputs: ['y', 'map8'] })), 'x.onnx'),
    );
    expect(graph.outputs.map(({ name }) => name)).toEqual(['y']);
  });
});

describe('YOLOX', () => {
  const activated = (to: string): OnnxNode[] => [
    {
      operator: 'Split',
      inputs: ['maps', 'parts'],
      outputs: ['boxes', 'logits'],
      attributes: { axis: int(1) },
    },
    { operator: 'Sigmoid', inputs: ['logits'], outputs: ['shares'] },
    { operator: 'Concat', inputs: ['boxes', 'shares'], outputs: ['joined'], attributes: { axis: int(1) } },
    swapAxes('joined', to),
  ];
  const parts = { name: 'parts', type: 'int64', dims: [2], data: [4, 4] } as const;
  const conventions = { align: 'topLeft', rounding: 'round', channelOrder: 'bgr', scale: [1, 1, 1], padValue: 114 };

  test('undecoded is known by what the graph does not compute', () => {
    const model = tinyDetector({ channels: 8, nodes: activated('y'), outputs: ['y'], initializers: [parts] });
    const { head, input, defaults, family } = contractOf(model);
    expect(head).toMatchObject({
      decoding: { form: 'yolox', strides: [8, 16, 32] },
      classCount: 3,
      objectness: { start: 4 },
    });
    expect(input).toMatchObject(conventions);
    expect(defaults.iouThreshold).toBe(0.65);
    expect(family).toBe('yolox');
  });

  test('undecoded is known through a scale for each channel, as integer convolutions leave it', () => {
    const nodes: OnnxNode[] = [
      { operator: 'Mul', inputs: ['maps', 'channelScale'], outputs: ['scaled'] },
      { operator: 'QuantizeLinear', inputs: ['scaled', 'step', 'zero'], outputs: ['integers'] },
      { operator: 'DequantizeLinear', inputs: ['integers', 'step', 'zero'], outputs: ['real'] },
      swapAxes('real', 'y'),
    ];
    const initializers = [
      { name: 'channelScale', type: 'float32', dims: [1, 1, 1], data: [0.5] },
      { name: 'step', type: 'float32', dims: [], data: [0.1] },
      { name: 'zero', type: 'uint8', dims: [], data: [128] },
    ] as const;
    const { head } = contractOf(tinyDetector({ channels: 8, nodes, outputs: ['y'], initializers }));
    expect(head).toMatchObject({ decoding: { form: 'yolox' } });
  });

  test('decoded is known by its exponential', () => {
    const nodes: OnnxNode[] = [
      ...activated('rows'),
      { operator: 'Split', inputs: ['rows', 'three'], outputs: ['xy', 'wh', 'rest'], attributes: { axis: int(2) } },
      { operator: 'Exp', inputs: ['wh'], outputs: ['size'] },
      { operator: 'Concat', inputs: ['xy', 'size', 'rest'], outputs: ['y'], attributes: { axis: int(2) } },
    ];
    const three = { name: 'three', type: 'int64', dims: [3], data: [2, 2, 4] } as const;
    const model = tinyDetector({ channels: 8, nodes, outputs: ['y'], initializers: [parts, three] });
    const { head, input } = contractOf(model);
    expect(head).toMatchObject({ decoding: pixels, classCount: 3 });
    expect(input).toMatchObject(conventions);
  });

  test('is not assumed of raw numbers in other layouts', () => {
    const model = tinyDetector({
      channels: 8,
      nodes: [{ operator: 'Sigmoid', inputs: ['maps'], outputs: ['y'] }],
      outputs: ['y'],
    });
    expect(() => contractOf(model)).toThrow(UnsupportedModelError);
  });
});

describe('two outputs', () => {
  for (const outputs of [
    ['boxes', 'scores'],
    ['scores', 'boxes'],
  ]) {
    test(`${outputs.join(' and ')} are YOLO-NAS`, () => {
      const { head, input, family } = contractOf(tinyDetector({ ...separateOutputs(5), outputs }));
      expect(head).toMatchObject({
        boxes: { output: 'boxes', anchorAxis: 1, attributeAxis: 2, start: 0, count: 4 },
        scores: { output: 'scores', anchorAxis: 1, attributeAxis: 2, start: 0, count: 5 },
        boxForm: 'corners',
        decoding: pixels,
        anchorCount: CELLS,
      });
      expect(head).not.toHaveProperty('objectness');
      expect(input).toMatchObject({ align: 'center', contentSize: [60, 60], rounding: 'round', channelOrder: 'rgb' });
      expect(family).toBe('yolo-nas');
    });
  }

  test('that are no boxes and scores are refused', () => {
    const model = tinyDetector({ ...separateOutputs(5), outputs: ['scores', 'logits'] });
    expect(() => contractOf(model)).toThrow(UnsupportedModelError);
  });
});

describe('finished detections', () => {
  const ranked: TinyHead = {
    channels: 6,
    nodes: [
      swapAxes('maps', 'rows'),
      { operator: 'ReduceMax', inputs: ['rows'], outputs: ['best'], attributes: { axes: ints(2), keepdims: int(0) } },
      { operator: 'TopK', inputs: ['best', 'k'], outputs: ['values', 'indices'] },
      { operator: 'Mod', inputs: ['indices', 'classes'], outputs: ['class'] },
      { operator: 'Cast', inputs: ['class'], outputs: ['label'], attributes: { to: int(1) } },
      { operator: 'Unsqueeze', inputs: ['values', 'last'], outputs: ['score'] },
      { operator: 'Unsqueeze', inputs: ['label', 'last'], outputs: ['column'] },
      {
        operator: 'Concat',
        inputs: ['score', 'score', 'score', 'score', 'score', 'column'],
        outputs: ['y'],
        attributes: { axis: int(2) },
      },
    ],
    outputs: ['y'],
    initializers: [
      { name: 'k', type: 'int64', dims: [1], data: [20] },
      { name: 'classes', type: 'int64', dims: [], data: [7] },
      { name: 'last', type: 'int64', dims: [1], data: [-1] },
    ],
  };

  test('are rows of six behind a ranking, of as many classes as it divides by', () => {
    const { head, labels } = contractOf(tinyDetector(ranked));
    expect(head).toEqual({
      kind: 'endToEnd',
      detections: { output: 'y', anchorAxis: 1, attributeAxis: 2, start: 0, count: 6 },
      rows: 20,
      classCount: 7,
    });
    expect(labels).toEqual(Array.from({ length: 7 }, (_, index) => `class ${index}`));
  });

  test('have as many classes as the file names', () => {
    expect(contractOf(tinyDetector({ ...ranked, metadata: { names: "['a', 'b']" } })).head).toMatchObject({
      classCount: 2,
    });
  });

  test('are not rows of six of a network for one class', () => {
    expect(contractOf(tinyDetector(anchorMajor(6))).head).toMatchObject({ kind: 'dense', classCount: 1 });
  });
});

describe('what surrounds the head', () => {
  const head = attributeMajor(4 + 2);

  test('comes from metadata', () => {
    const metadata = {
      stride: '16',
      names: "{0: 'a', 1: 'b'}",
      description: 'Ultralytics YOLO11n model trained on x.yaml',
    };
    expect(contractOf(tinyDetector({ ...head, metadata }))).toMatchObject({
      stride: 16,
      labels: ['a', 'b'],
      family: 'yolo11',
    });
  });

  test('takes labels from the caller where the file names classes in an unknown form', () => {
    const model = tinyDetector({ ...head, metadata: { names: 'a, b' } });
    expect(() => contractOf(model)).toThrow(/its metadata "names" list no names of classes/);
    expect(contractOf(model, { labels: ['a', 'b'] }).labels).toEqual(['a', 'b']);
  });

  test('refuses labels of the caller that are not as many as the classes', () => {
    const named: TinyHead = { ...head, metadata: { names: "['x', 'y']" } };
    for (const tiny of [head, named]) {
      const build = () => contractOf(tinyDetector(tiny), { labels: ['a', 'b', 'c'] });
      expect(build).toThrow(InvalidArgumentError);
      expect(build).toThrow(/3 labels are given, and the network has 2 classes/);
    }
  });

  test('gets its family from the name of the file', () => {
    for (const [name, family] of [
      ['yolov9t.onnx', 'yolov9'],
      ['my_YOLO-NAS_s.onnx', 'yolo-nas'],
      ['yolo26n.onnx', 'yolo26'],
      ['other.onnx', 'yolov8'],
    ]) {
      expect(contractOf(tinyDetector(head), {}, name).family).toBe(family);
    }
  });

  test('leaves levels of bytes to a graph that scales them', () => {
    const byte = { type: 'uint8' } as const;
    const nas = tinyDetector({
      ...head,
      input: byte,
      preparation: [
        { operator: 'Cast', inputs: ['pixels'], outputs: ['floats'], attributes: { to: int(1) } },
        { operator: 'Div', inputs: ['floats', 'white'], outputs: ['image'] },
      ],
      initializers: [...(head.initializers ?? []), { name: 'white', type: 'float32', dims: [], data: [255] }],
    });
    expect(contractOf(nas).input).toMatchObject({ name: 'pixels', scale: [1, 1, 1], offset: [0, 0, 0] });
    const float = { ...nas, inputs: [{ ...nas.inputs[0], type: 'float32' as const }], nodes: nas.nodes.slice(1) };
    const scaled = { ...float, nodes: [{ ...float.nodes[0], inputs: ['pixels', 'white'] }, ...float.nodes.slice(1)] };
    expect(contractOf(scaled).input.scale).toEqual([1, 1, 1]);
  });

  test('can be overridden field by field', () => {
    const contract = contractOf(tinyDetector(head), {
      family: 'mine',
      labels: ['x', 'y'],
      input: { resize: 'stretch', channelOrder: 'bgr', offset: [1, 2, 3] },
      defaults: { scoreThreshold: 0.5 },
    });
    expect(contract).toMatchObject({
      family: 'mine',
      labels: ['x', 'y'],
      input: { resize: 'stretch', channelOrder: 'bgr', offset: [1, 2, 3], padValue: 114, width: 64 },
      defaults: { scoreThreshold: 0.5, iouThreshold: 0.7, maxDetections: 300 },
    });
  });

  test('may have its head stated where none is recognised', () => {
    const slice = { output: 'maps', anchorAxis: 2, attributeAxis: 1 };
    const stated = {
      kind: 'dense',
      boxes: { ...slice, start: 2, count: 4 },
      scores: { ...slice, start: 0, count: 2 },
      boxForm: 'corners',
      decoding: { form: 'pixels' },
      suppression: 'classAware',
      classCount: 2,
      anchorCount: CELLS,
    } as const;
    const model = tinyDetector({ channels: 6, nodes: [], outputs: ['maps'] });
    expect(() => contractOf(model)).toThrow(UnsupportedModelError);
    expect(contractOf(model, { head: stated })).toMatchObject({ head: stated, labels: ['class 0', 'class 1'] });
    const wrong = { ...stated, scores: { ...stated.scores, output: 'other' } };
    expect(() => contractOf(model, { head: wrong })).toThrow(/no output "other"/);
    const wide = { ...stated, boxes: { ...stated.boxes, start: 3 } };
    expect(() => contractOf(model, { head: wide })).toThrow(/4 attributes from 3 of "maps", which is 1x6x84/);
  });
});

describe('files that are no detectors', () => {
  test('other tasks are named', () => {
    const model = tinyDetector({ ...attributeMajor(6), metadata: { task: 'segment' } });
    expect(() => contractOf(model)).toThrow(/network\.onnx is a network for the task "segment"/);
  });

  test('inputs that are no image are named', () => {
    for (const dims of [
      [1, 64, 64, 3],
      [1, 1, 64, 64],
      [3, 64, 64],
    ]) {
      const model = { ...tinyDetector(attributeMajor(6)), inputs: [{ name: 'image', type: 'float32' as const, dims }] };
      expect(() => contractOf(model)).toThrow(`takes "image" ${dims.join('x')}; a detector takes one batch of images`);
    }
  });
});
