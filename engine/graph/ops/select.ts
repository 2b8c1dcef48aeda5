import { allocate, broadcastShapes, broadcastStrides, elementCount, forEachRow } from '../indexing.ts';
import { requireInputs, requireKind } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';

/** condition ? a : b, element by element, all three broadcast. Inputs: bool condition, a, b. */
export interface Select {
  readonly type: 'select';
}

export const select: OpDefinition<Select> = {
  type: 'select',

  infer(_op, inputs) {
    requireInputs('select', inputs, 3);
    const [condition, a, b] = inputs;
    requireKind('select: condition', condition, 'bool');
    requireKind('select: b', b, a.kind);
    return [{ kind: a.kind, shape: broadcastShapes('select', [condition.shape, a.shape, b.shape]) }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [condition, a, b] = inputs;
    const [{ kind, shape }] = select.infer(op, inputs);
    const data = allocate(kind, elementCount(shape));
    const strides = inputs.map((input) => broadcastStrides(input.shape, shape));
    let index = 0;
    forEachRow(shape, strides, (length, starts, steps) => {
      for (let i = 0; i < length; i++) {
        const chosen = condition.data[starts[0] + i * steps[0]];
        data[index++] = chosen ? a.data[starts[1] + i * steps[1]] : b.data[starts[2] + i * steps[2]];
      }
    });
    return [{ kind, shape, data }];
  },
};
