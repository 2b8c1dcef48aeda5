import { describe, expect, test } from 'vitest';
import { UnsupportedModelError } from '../../../engine/errors.ts';
import { executeReference } from '../../../engine/graph/execute.ts';
import { parseOnnx } from '../../../loader/onnx/parse.ts';
import { buildOnnxDetector } from '../../../models/onnx/detector.ts';
import { importOnnx } from '../../../models/onnx/import.ts';
import type { Model } from '../../../models/types.ts';
import { float, int, ints, type OnnxNode, writeOnnx } from '../../support/onnx-writer.ts';
import { randomFloats } from '../../support/random.ts';
import type { TensorElements } from '../../support/tensor-bytes.ts';
import { CELLS, separateOutputs, swapAxes, type TinyHead, tinyDetector } from '../tiny-detectors.ts';

const CLASSES = 3;
const base = separateOutputs(CLASSES);

/** A network that computes "boxes" [1, N, 4] and "scores" [1, N, C], and then what is given. */
function detectorWith(
  nodes: readonly OnnxNode[],
  outputs: readonly string[],
  initializers: readonly TensorElements[] = [],
  rest: Partial<TinyHead> = {},
): Model {
  const model = tinyDetector({
    ...base,
    nodes: [...base.nodes, ...nodes],
    initializers: [...(base.initializers ?? []), ...initializers],
    outputs,
    ...rest,
  });
  return buildOnnxDetector(parseOnnx(writeOnnx(model), 'network.onnx'));
}

const limits: readonly TensorElements[] = [
  { name: 'most', type: 'int64', dims: [1], data: [1000] },
  { name: 'overlap', type: 'float32', dims: [1], data: [0.6] },
  { name: 'least', type: 'float32', dims: [], data: [0.3] },
];

const suppression = (boxes: string, scores: string, attributes = {}): OnnxNode => ({
  operator: 'NonMaxSuppression',
  name: 'nms',
  inputs: [boxes, scores, 'most', 'overlap', 'least'],
  outputs: ['selected'],
  attributes,
});

/** What the plain network computes, for the same picture. */
function outputsOf({ graph }: Model): ReadonlyMap<string, { shape: readonly number[]; data: number[] }> {
  const [{ name, shape }] = graph.inputs;
  const image = { kind: 'float', shape, data: randomFloats(9, 3 * 64 * 64) } as const;
  const results = executeReference(graph, new Map([[name, image]]));
  return new Map(results.map(({ shape, data }, i) => [graph.outputs[i].name, { shape, data: Array.from(data) }]));
}

const plain = outputsOf(detectorWith([], ['boxes', 'scores']));

describe("ONNX's own suppression", () => {
  test('gives way to its inputs, with its thresholds', () => {
    const nodes = [swapAxes('scores', 'byClass'), suppression('boxes', 'byClass')];
    const { graph, contract } = detectorWith(nodes, ['selected'], limits);
    expect(graph.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['boxes', [1, CELLS, 4]],
      ['scores', [1, CELLS, CLASSES]],
    ]);
    expect(contract.head).toEqual({
      kind: 'dense',
      boxes: { output: 'boxes', anchorAxis: 1, attributeAxis: 2, start: 0, count: 4 },
      scores: { output: 'scores', anchorAxis: 1, attributeAxis: 2, start: 0, count: CLASSES },
      boxForm: 'corners',
      decoding: { form: 'pixels' },
      suppression: 'classAware',
      classCount: CLASSES,
      anchorCount: CELLS,
    });
    expect(contract.defaults.iouThreshold).toBeCloseTo(0.6);
    expect(contract.defaults.scoreThreshold).toBeCloseTo(0.3);
    expect(contract.defaults.maxDetections).toBe(1000);
  });

  test('reads scores that are stored by class', () => {
    const nodes: OnnxNode[] = [
      { operator: 'Split', inputs: ['maps', 'parts'], outputs: ['unused', 'raw'], attributes: { axis: int(1) } },
      { operator: 'Sigmoid', inputs: ['raw'], outputs: ['byClass'] },
      suppression('boxes', 'byClass', { center_point_box: int(1) }),
    ];
    const { contract } = detectorWith(nodes, ['selected'], limits);
    expect(contract.head).toMatchObject({
      boxForm: 'centerSize',
      scores: { output: 'byClass', anchorAxis: 2, attributeAxis: 1 },
      classCount: CLASSES,
    });
  });

  test('undoes a swap of x and y', () => {
    const nodes: OnnxNode[] = [
      { operator: 'Gather', inputs: ['boxes', 'yx'], outputs: ['swapped'], attributes: { axis: int(2) } },
      swapAxes('scores', 'byClass'),
      suppression('swapped', 'byClass'),
    ];
    const yx = { name: 'yx', type: 'int64', dims: [4], data: [1, 0, 3, 2] } as const;
    const model = detectorWith(nodes, ['selected'], [...limits, yx]);
    expect(outputsOf(model)).toEqual(plain);
  });

  test('undoes the offset that moves the boxes of each class apart', () => {
    const nodes: OnnxNode[] = [
      { operator: 'ReduceMax', inputs: ['scores'], outputs: ['best'], attributes: { axes: ints(2) } },
      { operator: 'ArgMax', inputs: ['scores'], outputs: ['index'], attributes: { axis: int(2) } },
      { operator: 'Cast', inputs: ['index'], outputs: ['number'], attributes: { to: int(1) } },
      { operator: 'Mul', inputs: ['number', 'far'], outputs: ['offset'] },
      { operator: 'Add', inputs: ['boxes', 'offset'], outputs: ['moved'] },
      swapAxes('best', 'bestRow'),
      suppression('moved', 'bestRow'),
    ];
    const far = { name: 'far', type: 'float32', dims: [], data: [7680] } as const;
    const model = detectorWith(nodes, ['selected'], [...limits, far]);
    expect(outputsOf(model)).toEqual(plain);
    expect(model.contract.head).toMatchObject({ classCount: CLASSES });
    const unknown = nodes.map((node) =>
      node.operator === 'NonMaxSuppression' ? suppression('moved', 'scores') : node,
    );
    expect(() => detectorWith(unknown, ['selected'], [...limits, far])).toThrow(
      /"nms" suppresses boxes moved by their class/,
    );
  });

  test('that sees fewer classes than the file names is refused', () => {
    const nodes: OnnxNode[] = [
      { operator: 'ReduceMax', inputs: ['scores'], outputs: ['best'], attributes: { axes: ints(2) } },
      swapAxes('best', 'bestRow'),
      suppression('boxes', 'bestRow'),
    ];
    const metadata = { names: "['a', 'b', 'c']" };
    expect(() => detectorWith(nodes, ['selected'], limits, { metadata })).toThrow(
      /names 3 classes, .* are of 1; export it without/,
    );
  });

  test('of tensors that are no boxes and scores is refused', () => {
    const nodes = [suppression('boxes', 'scores')];
    expect(() => detectorWith(nodes, ['selected'], limits)).toThrow(
      /"boxes" 1x84x4, "scores" 1x84x3\) are no known layout/,
    );
  });

  test('more than once is refused', () => {
    const nodes = [
      swapAxes('scores', 'byClass'),
      suppression('boxes', 'byClass'),
      { ...suppression('boxes', 'byClass'), name: 'second', outputs: ['again'] },
    ];
    expect(() => detectorWith(nodes, ['selected', 'again'], limits)).toThrow(
      /suppresses boxes more than once \("nms", "second"\)/,
    );
  });
});

describe('exports of super-gradients', () => {
  // Its default: the best boxes first, suppression, and one of two formats behind it.
  const ranked: OnnxNode[] = [
    { operator: 'ReduceMax', inputs: ['scores'], outputs: ['best'], attributes: { axes: ints(2), keepdims: int(0) } },
    { operator: 'TopK', inputs: ['best', 'count'], outputs: ['values', 'indices'] },
    { operator: 'Reshape', inputs: ['indices', 'list'], outputs: ['flatIndices'] },
    {
      operator: 'Gather',
      inputs: ['boxes', 'flatIndices'],
      outputs: ['pre_nms_bboxes_xyxy'],
      attributes: { axis: int(1) },
    },
    {
      operator: 'Gather',
      inputs: ['scores', 'flatIndices'],
      outputs: ['pre_nms_scores'],
      attributes: { axis: int(1) },
    },
    swapAxes('pre_nms_scores', 'byClass'),
    suppression('pre_nms_bboxes_xyxy', 'byClass'),
  ];
  const initializers: readonly TensorElements[] = [
    ...limits,
    { name: 'count', type: 'int64', dims: [1], data: [20] },
    { name: 'list', type: 'int64', dims: [1], data: [-1] },
    { name: 'column', type: 'int64', dims: [], data: [2] },
  ];
  const formats: Record<string, { nodes: OnnxNode[]; outputs: string[] }> = {
    flat: {
      nodes: [
        {
          operator: 'Gather',
          inputs: ['selected', 'column'],
          outputs: ['flat_predictions'],
          attributes: { axis: int(1) },
        },
      ],
      outputs: ['flat_predictions'],
    },
    batch: {
      nodes: [
        { operator: 'Shape', inputs: ['selected'], outputs: ['num_predictions'] },
        { operator: 'Cast', inputs: ['selected'], outputs: ['pred_boxes'], attributes: { to: int(1) } },
      ],
      outputs: ['num_predictions', 'pred_boxes'],
    },
  };
  for (const [format, { nodes, outputs }] of Object.entries(formats)) {
    test(`in ${format} format end before suppression`, () => {
      const bytes = {
        input: { type: 'uint8' },
        preparation: [
          { operator: 'Cast', inputs: ['pixels'], outputs: ['floats'], attributes: { to: int(1) } },
          { operator: 'Mul', inputs: ['floats', 'perLevel'], outputs: ['image'] },
        ],
      } as const;
      const perLevel = { name: 'perLevel', type: 'float32', dims: [], data: [1 / 255] } as const;
      const { graph, contract } = detectorWith([...ranked, ...nodes], outputs, [...initializers, perLevel], bytes);
      expect(graph.outputs.map(({ shape }) => shape)).toEqual([
        [1, 20, 4],
        [1, 20, CLASSES],
      ]);
      expect(contract).toMatchObject({
        family: 'yolo-nas',
        head: { kind: 'dense', boxForm: 'corners', anchorCount: 20, classCount: CLASSES },
        input: { contentSize: [60, 60], scale: [1, 1, 1], channelOrder: 'rgb' },
      });
    });
  }
});

describe("TensorRT's plugins", () => {
  const results = ['count', 'kept', 'keptScores', 'keptClasses'];
  const efficient = (attributes: OnnxNode['attributes'] = {}): OnnxNode => ({
    operator: 'EfficientNMS_TRT',
    domain: 'TRT',
    name: 'nms',
    inputs: ['boxes', 'scores'],
    outputs: results,
    attributes: { score_threshold: float(0.2), iou_threshold: float(0.5), max_output_boxes: int(50), ...attributes },
  });

  test('EfficientNMS gives way to its inputs, with its attributes', () => {
    const model = detectorWith([efficient({ box_coding: int(1) })], results);
    expect(outputsOf(model)).toEqual(plain);
    expect(model.contract.head).toMatchObject({ boxForm: 'centerSize', classCount: CLASSES });
    expect(model.contract.defaults.iouThreshold).toBeCloseTo(0.5);
    expect(model.contract.defaults.maxDetections).toBe(50);
  });

  test('EfficientNMS that activates scores leaves a sigmoid behind', () => {
    const node = { ...efficient({ score_activation: int(1) }), inputs: ['boxes', 'logits'] };
    const scores = outputsOf(detectorWith([node], results)).get('nms/sigmoid');
    expect(scores).toEqual(plain.get('scores'));
  });

  test('BatchedNMS reads boxes with an axis for shared classes', () => {
    const nodes: OnnxNode[] = [
      { operator: 'Reshape', inputs: ['boxes', 'four'], outputs: ['shared'] },
      {
        operator: 'BatchedNMSDynamic_TRT',
        inputs: ['shared', 'scores'],
        outputs: results,
        attributes: { scoreThreshold: float(0.4), iouThreshold: float(0.45), keepTopK: int(100), isNormalized: int(0) },
      },
    ];
    const four = { name: 'four', type: 'int64', dims: [4], data: [1, CELLS, 1, 4] } as const;
    const { contract } = detectorWith(nodes, results, [four]);
    expect(contract.head).toMatchObject({
      boxes: { output: 'shared', anchorAxis: 1, attributeAxis: 3 },
      boxForm: 'corners',
      anchorCount: CELLS,
    });
    expect(contract.defaults.scoreThreshold).toBeCloseTo(0.4);
  });

  for (const [reason, node] of [
    ['it has a background class', efficient({ background_class: int(0) })],
    ['its boxes suppress those of other classes', efficient({ class_agnostic: int(1) })],
    ['it decodes boxes from anchors', { ...efficient(), inputs: ['boxes', 'scores', 'boxes'] }],
    [
      'its boxes are in units of the image, not pixels',
      { operator: 'BatchedNMS_TRT', name: 'nms', inputs: ['boxes', 'scores'], outputs: results },
    ],
  ] as const) {
    test(`are refused where ${reason}`, () => {
      expect(() => detectorWith([node], results)).toThrow(UnsupportedModelError);
      expect(() => detectorWith([node], results)).toThrow(
        `node "nms" (${node.operator}) can't be taken over: ${reason}`,
      );
    });
  }
});

test('suppression without a network is no detector', () => {
  const model = {
    inputs: [
      { name: 'boxes', type: 'float32', dims: [1, 10, 4] },
      { name: 'scores', type: 'float32', dims: [1, 3, 10] },
    ],
    outputs: [{ name: 'selected', type: 'int64' }],
    initializers: limits,
    nodes: [suppression('boxes', 'scores')],
  } as const;
  const file = parseOnnx(writeOnnx(model), 'nms.onnx');
  expect(() => buildOnnxDetector(file)).toThrow(/nms\.onnx has no network in it/);
  expect(() => importOnnx(file)).toThrow(/"nms" \(NonMaxSuppression\): the number of its results depends on the data/);
});
