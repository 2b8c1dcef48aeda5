import { allocate } from '../indexing.ts';
import { requireInputs } from '../rules.ts';
import type { ElementKind, OpDefinition } from '../tensor.ts';

/** Converts the kind: float to int truncates towards zero and saturates (NaN gives 0), anything to bool is `!= 0`. */
export interface Cast {
  readonly type: 'cast';
  readonly to: ElementKind;
}

export const cast: OpDefinition<Cast> = {
  type: 'cast',

  infer(op, inputs) {
    requireInputs('cast', inputs, 1);
    return [{ kind: op.to, shape: inputs[0].shape }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, [x]) {
    const data = allocate(op.to, x.data.length);
    const convert = conversions[op.to];
    for (let i = 0; i < data.length; i++) data[i] = convert(x.data[i]);
    return [{ kind: op.to, shape: x.shape, data }];
  },
};

const conversions: { readonly [kind in ElementKind]: (x: number) => number } = {
  float: (x) => x,
  int: (x) => (Number.isNaN(x) ? 0 : Math.trunc(Math.min(Math.max(x, -(2 ** 31)), 2 ** 31 - 1))),
  bool: (x) => (x === 0 ? 0 : 1),
};
