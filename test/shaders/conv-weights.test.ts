import { expect, test } from 'vitest';
import { packBias, packConvWeights, packedWeightSize, transposeWeights } from '../../shaders/conv-weights.ts';

const counting = (count: number) => Float32Array.from({ length: count }, (_, i) => i + 1);

test('blocks: four input channels, each with its weights for four output channels', () => {
  const shape = { outChannels: 5, groupChannels: 3, kernel: [1, 2] } as const;
  const weight = counting(5 * 3 * 2);
  const packed = packConvWeights('blocks', weight, shape);
  expect(packed.length).toBe(8 * 2 * 4);
  expect(packed.length).toBe(packedWeightSize('blocks', shape));
  const at = (o: number, i: number, tap: number) => packed[Math.floor(o / 4) * 2 * 16 + tap * 16 + i * 4 + (o % 4)];
  for (let o = 0; o < 8; o++) {
    for (let i = 0; i < 4; i++) {
      for (let tap = 0; tap < 2; tap++) expect(at(o, i, tap)).toBe(o < 5 && i < 3 ? weight[(o * 3 + i) * 2 + tap] : 0);
    }
  }
});

test('blocks: more than four input channels follow each other within a tap', () => {
  const weight = counting(4 * 8 * 2);
  const packed = packConvWeights('blocks', weight, { outChannels: 4, groupChannels: 8, kernel: [2, 1] });
  // [tap 1][input vec4 1][input channel 2][output channel 3]
  expect(packed[1 * 32 + 1 * 16 + 2 * 4 + 3]).toBe(weight[(3 * 8 + 6) * 2 + 1]);
});

test('depthwise: all channels of a tap together', () => {
  const shape = { outChannels: 3, groupChannels: 1, kernel: [1, 2] } as const;
  expect(Array.from(packConvWeights('depthwise', [1, 2, 3, 4, 5, 6], shape))).toEqual([1, 3, 5, 0, 2, 4, 6, 0]);
  expect(packedWeightSize('depthwise', shape)).toBe(8);
});

test('plain: as they were, filled up', () => {
  const shape = { outChannels: 3, groupChannels: 1, kernel: [1, 2] } as const;
  expect(Array.from(packConvWeights('plain', [1, 2, 3, 4, 5, 6], shape))).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
});

test('a bias is filled up with zeros', () => {
  expect(Array.from(packBias([1, 2, 3, 4, 5]))).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
});

test('transposed weights change places within their group', () => {
  // [Cin 4, Cout / groups 1, 1, 2], two groups of two inputs and one output.
  const weight = counting(4 * 2);
  const shape = { outChannels: 2, groupChannels: 2, kernel: [1, 2] } as const;
  expect(Array.from(transposeWeights(weight, shape, 2))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  // The same as one group: [Cin 2, Cout 2, 1, 2].
  expect(Array.from(transposeWeights(weight, shape, 1))).toEqual([1, 2, 5, 6, 3, 4, 7, 8]);
});
