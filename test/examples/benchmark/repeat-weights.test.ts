import { describe, expect, it } from 'vitest';
import { repeatWeights } from '../../../examples/benchmark/repeat-weights.ts';
import { decodeFloats } from '../../../loader/decode.ts';
import { parseModel } from '../../../loader/load.ts';
import { writeOnnx } from '../../support/onnx-writer.ts';
import { randomFloats } from '../../support/random.ts';

describe('repeatWeights', () => {
  it('repeats the first weights of large tensors in the file, and touches nothing else', async () => {
    const large = randomFloats(1, 16 * 16 * 9);
    const small = randomFloats(2, 16);
    const shape = {
      name: 'shape',
      type: 'int64',
      dims: [2048],
      data: Array.from({ length: 2048 }, (_, i) => i),
    } as const;
    const bytes = writeOnnx({
      inputs: [{ name: 'x', type: 'float32', dims: [1, 16, 8, 8] }],
      outputs: [{ name: 'y', type: 'float32' }],
      initializers: [
        { name: 'weight', type: 'float32', dims: [16, 16, 3, 3], data: large },
        { name: 'bias', type: 'float32', dims: [16], data: small },
        shape,
      ],
      nodes: [{ operator: 'Conv', inputs: ['x', 'weight', 'bias'], outputs: ['y'] }],
    });
    const before = bytes.length;
    expect(repeatWeights(await parseModel(bytes, 'network.onnx'))).toBe((large.length - 256) * 4);

    const { tensors, graph } = await parseModel(bytes, 'network.onnx');
    expect([bytes.length, graph?.nodes.length]).toEqual([before, 1]);
    const read = (name: string) => {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`${name} is gone`);
      return tensor;
    };
    expect(decodeFloats(read('weight'))).toEqual(large.map((_, index) => large[index % 256]));
    expect(decodeFloats(read('bias'))).toEqual(small);
    expect(new BigInt64Array(read('shape').bytes.slice().buffer)[2047]).toBe(2047n);
  });
});
