import type { ElementKind, Value } from '../../engine/graph/types.ts';
import { decodeFloats, decodeIntegers } from '../../loader/decode.ts';
import type { StoredTensor, StoredType } from '../../loader/model-file.ts';
import { isNarrow } from './narrow-types.ts';

/** How the IR holds elements of a stored type; 8- and 16-bit integers are floats (see `NarrowType`). */
export function kindOf(type: StoredType): ElementKind {
  if (type === 'bool') return 'bool';
  if (isNarrow(type)) return 'float';
  return type.startsWith('int') || type.startsWith('uint') ? 'int' : 'float';
}

/** A stored tensor as a constant. Integers beyond 32 bits saturate. */
export function constantValue(name: string, tensor: StoredTensor): Value {
  const kind = kindOf(tensor.type);
  const shape = [...tensor.dims];
  switch (kind) {
    case 'float':
      return { name, kind, shape, constant: decodeFloats(tensor) };
    case 'int':
      return { name, kind, shape, constant: decodeIntegers(tensor) };
    case 'bool':
      return { name, kind, shape, constant: Uint8Array.from(decodeIntegers(tensor)) };
  }
}
