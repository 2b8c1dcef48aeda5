import { describe, expect, it } from 'vitest';
import { MOST_ATTENTION_KEYS } from '../../../engine/graph/ops/attention.ts';
import type { Value } from '../../../engine/graph/types.ts';
import { recognizeAttention } from '../../../engine/passes/recognize-attention.ts';
import { separateHeads } from '../../../engine/passes/separate-heads.ts';
import { compilePlan } from '../../../engine/plan/compile.ts';
import { furtherRules } from '../../../engine/plan/further-rules.ts';
import { commonRules } from '../../../engine/plan/lowering-rules.ts';
import { planSwitches } from '../../../engine/plan/options.ts';
import { CORE_DEVICE } from '../../../shaders/kernel-device.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';
import { attention } from '../../support/sample-networks.ts';

class AttentionBuilder extends NetworkBuilder {
  #parts = 0;

  reshape(x: Value, ...shape: number[]): Value {
    return this.apply({ type: 'reshape', shape }, [x], `reshaped${this.#parts++}`);
  }

  transpose(x: Value): Value {
    return this.apply({ type: 'transpose', permutation: [0, 1, 3, 2] }, [x], `transposed${this.#parts++}`);
  }

  product(a: Value, b: Value): Value {
    return this.apply({ type: 'matMul' }, [a, b], `product${this.#parts++}`);
  }

  softmax(x: Value, axis = 3): Value {
    return this.apply({ type: 'softmax', axis }, [x], `softmax${this.#parts++}`);
  }

  part(heads: Value, start: number, size: number): Value {
    const { shape } = heads;
    const sizes = [shape[0], shape[1], size, shape[3]];
    return this.apply({ type: 'slice', starts: [0, 0, start, 0], sizes, steps: [1, 1, 1, 1] }, [heads], `p${start}`);
  }

  /** Queries, keys and values [1, 2, channels, positions]. */
  maps(channels: number, positions: number, keys = positions): Value[] {
    return [positions, keys, keys].map((length, index) =>
      this.unary('tanh', this.input(`x${index}`, 'float', [1, 2, channels, length])),
    );
  }
}

describe('separate-heads', () => {
  it('makes queries, keys and values slices of the channels', () => {
    const whole = new AttentionBuilder();
    const x = whole.convolve(whole.image(3, 4, 5), 32, 3);
    const heads = whole.reshape(x, 1, 2, 16, 20);
    const parts = [whole.part(heads, 4, 8), whole.part(heads, 0, 4), whole.part(heads, 12, 4)];
    const parted = whole.finish(
      'parts',
      parts.map((part) => whole.unary('tanh', part)),
    );
    const { graph: separated, notes } = separateHeads.run(parted);
    expectEquivalent(separated, parted, 1e-6);
    expect(notes).toEqual(['channels of a convolution ordered by what is taken out of its heads: 1']);
    // Every slice is of the convolution's result itself.
    const slices = separated.nodes.filter(({ op }) => op.type === 'slice');
    expect(slices.map(({ inputs }) => inputs[0].name)).toEqual([x.name, x.name, x.name]);
  });

  it.each<[string, (b: AttentionBuilder, x: Value) => Value[]]>([
    ['that leave channels out', (b, x) => [b.part(x, 0, 4), b.part(x, 8, 8)]],
    ['that overlap', (b, x) => [b.part(x, 0, 8), b.part(x, 4, 12)]],
    ['beside other readers', (b, x) => [b.part(x, 0, 8), b.part(x, 8, 8), b.unary('exp', x)]],
  ])('leaves slices %s', (_, build) => {
    const b = new AttentionBuilder();
    const heads = b.reshape(b.convolve(b.image(3, 4, 5), 32, 3), 1, 2, 16, 20);
    const graph = b.finish(
      'kept',
      build(b, heads).map((part) => b.unary('tanh', part)),
    );
    expect(separateHeads.run(graph)).toEqual({ graph, notes: [] });
  });
});

describe('recognize-attention', () => {
  const spellings: [string, (b: AttentionBuilder, q: Value, k: Value) => Value][] = [
    ['without a scale', (b, q, k) => b.product(b.transpose(q), k)],
    ['with scaled scores', (b, q, k) => b.binary('multiply', b.product(b.transpose(q), k), 0.25)],
    ['with divided scores', (b, q, k) => b.binary('divide', b.product(b.transpose(q), k), 4)],
    ['with scaled queries', (b, q, k) => b.product(b.transpose(b.binary('multiply', q, 0.25)), k)],
    ['with scaled keys', (b, q, k) => b.product(b.transpose(q), b.binary('multiply', b.floats('s', [], [0.5]), k))],
  ];
  it.each(spellings)('%s', (_, scores) => {
    const b = new AttentionBuilder();
    const [q, k, v] = b.maps(4, 5, 6);
    const graph = b.finish('attention', [b.product(v, b.transpose(b.softmax(scores(b, q, k))))]);
    const { graph: recognized, notes } = recognizeAttention.run(graph);
    expectEquivalent(recognized, graph, 1e-6);
    expect(opsOf(recognized).filter((op) => op !== 'reshape')).toEqual(['tanh', 'tanh', 'tanh', 'attention']);
    expect(notes).toEqual(['products and softmax became attention: 1']);
  });

  it.each<[string, (b: AttentionBuilder) => Value[]]>([
    [
      'along the wrong axis',
      (b) => {
        const [q, k, v] = b.maps(4, 5);
        return [b.product(v, b.transpose(b.softmax(b.product(b.transpose(q), k), 2)))];
      },
    ],
    [
      'of channels that fill no whole vec4s',
      (b) => {
        const [q, k, v] = b.maps(6, 5);
        return [b.product(v, b.transpose(b.softmax(b.product(b.transpose(q), k))))];
      },
    ],
    [
      'whose weights something else reads',
      (b) => {
        const [q, k, v] = b.maps(4, 5);
        const weights = b.softmax(b.product(b.transpose(q), k));
        return [b.product(v, b.transpose(weights)), b.unary('negate', weights)];
      },
    ],
    [
      'of too many keys',
      (b) => {
        const [q, k, v] = b.maps(4, 1, MOST_ATTENTION_KEYS + 1);
        return [b.product(v, b.transpose(b.softmax(b.product(b.transpose(q), k))))];
      },
    ],
  ])('leaves products %s', (_, build) => {
    const b = new AttentionBuilder();
    const graph = b.finish('others', build(b));
    expect(recognizeAttention.run(graph).graph).toBe(graph);
  });
});

describe('both', () => {
  it('leave a block of attention without a copy', () => {
    const graph = attention();
    const { graph: fused } = recognizeAttention.run(separateHeads.run(graph).graph);
    expectEquivalent(fused, graph, 1e-6);
    const device = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, software: false, maxBindingBytes: 2 ** 27 };
    const rules = { ...commonRules, ...furtherRules };
    const { steps } = compilePlan(fused, new Map(), device, planSwitches(), {}, rules);
    const operators = steps.map(({ operator }) => operator);
    expect(operators.filter((operator) => operator === 'attention')).toHaveLength(1);
    expect(operators.filter((operator) => /matMul|softmax|copy/.test(operator))).toEqual([]);
  });
});
