import { ModelFormatError } from '../engine/errors.ts';
import type { Value } from '../engine/graph/types.ts';
import type { ModelFile } from '../loader/model-file.ts';
import { batchNorm, convBnRelu, convolution, pyramidPool, upsampling } from './blocks.ts';
import { completeContract } from './complete-contract.ts';
import type { DenseHead } from './contract.ts';
import { type AnchorLevel, decodeDistances } from './distance-decoding.ts';
import { chooseInputSize, DEFAULT_INPUT_SIZE } from './input-size.ts';
import { NetworkBuilder } from './network-builder.ts';
import { readStateDictContract } from './state-dict-contract.ts';
import type { Model, ModelOptions } from './types.ts';

/**
 * YOLO-NAS from its state dict (super-gradients; keys as in its checkpoints). Widths, counts and the variants of its
 * blocks follow from names and shapes, so S, M, L and narrower networks of the structure are all built by this. Blocks of
 * QARepVGG (arXiv:2212.01593) are built from their branches.
 *
 * Outputs: "boxes" [N, A, 4], x1 y1 x2 y2 in pixels of the input, and "scores" [N, A, C], 0..1.
 */
export function buildYoloNas(file: ModelFile, options: ModelOptions = {}): Model {
  const stated = readStateDictContract(file);
  const [width, height] = chooseInputSize(options.inputSize, {
    source: file.source,
    fixed: [undefined, undefined],
    preferred: stated.inputSize ?? [DEFAULT_INPUT_SIZE, DEFAULT_INPUT_SIZE],
    stride: COARSEST_STRIDE,
  });
  const network = new NetworkBuilder(file);
  const image = network.input('images', [options.batch ?? 1, 3, height, width]);
  const { boxes, scores } = detect(network, file, neck(network, backbone(network, image)));
  const graph = network.finish('yolo-nas', [boxes, scores]);
  const head = headOf(boxes, scores);
  const contract = {
    family: 'yolo-nas',
    input: stated.input({ name: image.name, width, height }),
    head,
    labels: stated.labels(head.classCount),
    stride: COARSEST_STRIDE,
    defaults: stated.defaults,
  };
  return { graph, contract: completeContract(contract, graph, options) };
}

const EPSILON = 1e-3;
const STRIDES = [8, 16, 32];
const COARSEST_STRIDE = 32;

function headOf(boxes: Value, scores: Value): DenseHead {
  const [, anchorCount, classCount] = scores.shape;
  return {
    kind: 'dense',
    boxes: { output: boxes.name, anchorAxis: 1, attributeAxis: 2, start: 0, count: 4 },
    scores: { output: scores.name, anchorAxis: 1, attributeAxis: 2, start: 0, count: classCount },
    boxForm: 'corners',
    decoding: { form: 'pixels' },
    suppression: 'classAware',
    classCount,
    anchorCount,
  };
}

/** Maps at strides 4, 8, 16 and 32. */
function backbone(network: NetworkBuilder, image: Value): readonly [Value, Value, Value, Value] {
  const stage = (x: Value, number: number) => {
    const name = `backbone.stage${number}`;
    return cspLayer(network, qaRepVgg(network, x, `${name}.downsample`, 2, false), `${name}.blocks`);
  };
  const c2 = stage(qaRepVgg(network, image, 'backbone.stem.conv', 2, false), 1);
  const c3 = stage(c2, 2);
  const c4 = stage(c3, 3);
  return [c2, c3, c4, spatialPyramid(network, stage(c4, 4), 'backbone.context_module')];
}

/** Maps at strides 8, 16 and 32. */
function neck(network: NetworkBuilder, [c2, c3, c4, c5]: readonly [Value, Value, Value, Value]): readonly Value[] {
  const [coarse, y4] = upStage(network, c5, c4, c3, 'neck.neck1');
  const [middle, p3] = upStage(network, y4, c3, c2, 'neck.neck2');
  const p4 = downStage(network, p3, middle, 'neck.neck3');
  return [p3, p4, downStage(network, p4, coarse, 'neck.neck4')];
}

function detect(network: NetworkBuilder, file: ModelFile, maps: readonly Value[]): { boxes: Value; scores: Value } {
  const levels = maps.map((map, index): AnchorLevel => {
    const name = `heads.head${index + 1}`;
    const stem = convBnRelu(network, map, `${name}.stem.seq`, EPSILON);
    const tower = (kind: 'cls' | 'reg') => {
      const count = network.count(`${name}.${kind}_convs.`, '.seq.conv.weight');
      let x = stem;
      for (let i = 0; i < count; i++) x = convBnRelu(network, x, `${name}.${kind}_convs.${i}.seq`, EPSILON);
      return convolution(network, x, `${name}.${kind}_pred`);
    };
    return { stride: STRIDES[index], classes: tower('cls'), distances: tower('reg') };
  });
  const uneven = levels.find(({ distances }) => distances.shape[1] % 4 !== 0 || distances.shape[1] < 8);
  if (uneven) {
    const { name, shape } = uneven.distances;
    throw new ModelFormatError(`${file.source}: ${name} has ${shape[1]} channels, which are no four distributions`);
  }
  return decodeDistances(network, levels);
}

/**
 * ReLU(norm(norm(3x3(x)) + alpha * 1x1(x) + x)), the last term where `residual` asks for it and the widths allow. A
 * checkpoint may have the branches fused into one 3x3 convolution, with or without the norm after the sum. Beside
 * branches, the fused kernel is a placeholder of random numbers.
 */
function qaRepVgg(network: NetworkBuilder, x: Value, name: string, stride: number, residual: boolean): Value {
  const sum = network.has(`${name}.branch_3x3.conv.weight`)
    ? branches(network, x, name, stride, residual)
    : convolution(network, x, `${name}.rbr_reparam`, stride);
  const normal = network.has(`${name}.post_bn.weight`) ? batchNorm(network, sum, `${name}.post_bn`, EPSILON) : sum;
  return network.relu(normal, `${name}.relu`);
}

function branches(network: NetworkBuilder, x: Value, name: string, stride: number, residual: boolean): Value {
  const three = convolution(network, x, `${name}.branch_3x3.conv`, stride);
  const normal = batchNorm(network, three, `${name}.branch_3x3.bn`, EPSILON);
  const one = scaled(network, convolution(network, x, `${name}.branch_1x1`, stride), `${name}.alpha`);
  const sum = network.binary('add', normal, one, `${name}.branches`);
  const keepsShape = stride === 1 && x.shape[1] === sum.shape[1];
  return residual && keepsShape ? network.binary('add', sum, x, `${name}.residual`) : sum;
}

/** x times a learned number, where there is one. */
function scaled(network: NetworkBuilder, x: Value, name: string): Value {
  return network.has(name) ? network.binary('multiply', x, network.weight(name, 1), `${name}.scaled`) : x;
}

/** alpha * x + cv2(cv1(x)); blocks of QARepVGG or plain convolutions. */
function bottleneck(network: NetworkBuilder, x: Value, name: string): Value {
  const plain = network.has(`${name}.cv1.conv.weight`);
  const block = (input: Value, key: string) =>
    plain ? convBnRelu(network, input, `${name}.${key}`, EPSILON) : qaRepVgg(network, input, `${name}.${key}`, 1, true);
  const result = block(block(x, 'cv1'), 'cv2');
  return network.binary('add', scaled(network, x, `${name}.alpha`), result, name);
}

/**
 * conv3(concat[last bottleneck, conv2(x)]), or conv3(concat[conv1(x), every bottleneck, conv2(x)]): the width that conv3
 * takes tells which.
 */
function cspLayer(network: NetworkBuilder, x: Value, name: string): Value {
  const first = convBnRelu(network, x, `${name}.conv1`, EPSILON);
  const skip = convBnRelu(network, x, `${name}.conv2`, EPSILON);
  const chain = [first];
  while (hasBottleneck(network, `${name}.bottlenecks.${chain.length - 1}`)) {
    chain.push(bottleneck(network, chain[chain.length - 1], `${name}.bottlenecks.${chain.length - 1}`));
  }
  const taken = network.weight(`${name}.conv3.conv.weight`, 4).shape[1];
  const intermediates = taken !== 2 * first.shape[1];
  const parts = intermediates ? [...chain, skip] : [chain[chain.length - 1], skip];
  return convBnRelu(network, network.concat(parts, 1, `${name}.concat`), `${name}.conv3`, EPSILON);
}

function hasBottleneck(network: NetworkBuilder, name: string): boolean {
  return ['conv.weight', 'branch_3x3.conv.weight', 'rbr_reparam.weight'].some((key) =>
    network.has(`${name}.cv1.${key}`),
  );
}

function spatialPyramid(network: NetworkBuilder, x: Value, name: string): Value {
  const reduced = convBnRelu(network, x, `${name}.cv1`, EPSILON);
  return convBnRelu(network, pyramidPool(network, reduced, name), `${name}.cv2`, EPSILON);
}

/** Merges a coarse map with those one and (where there are weights for it) two levels finer: [reduced coarse map, result]. */
function upStage(network: NetworkBuilder, x: Value, skip1: Value, skip2: Value, name: string): [Value, Value] {
  const conv = (input: Value, key: string, stride = 1) => convBnRelu(network, input, `${name}.${key}`, EPSILON, stride);
  const reduced = conv(x, 'conv');
  const parts = [upsampling(network, reduced, `${name}.upsample`), conv(skip1, 'reduce_skip1')];
  if (network.has(`${name}.reduce_skip2.conv.weight`)) parts.push(conv(conv(skip2, 'reduce_skip2'), 'downsample', 2));
  const merged = conv(network.concat(parts, 1, `${name}.concat`), 'reduce_after_concat');
  return [reduced, cspLayer(network, merged, `${name}.blocks`)];
}

function downStage(network: NetworkBuilder, x: Value, skip: Value, name: string): Value {
  const reduced = convBnRelu(network, x, `${name}.conv`, EPSILON, 2);
  return cspLayer(network, network.concat([reduced, skip], 1, `${name}.concat`), `${name}.blocks`);
}
