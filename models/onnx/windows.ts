import { ShapeError } from '../../engine/graph/types.ts';
import { type NodeReader, UnsupportedOperator } from './node-reader.ts';

/** Kernel, strides and dilations of a convolution or pooling, each [vertical, horizontal]. */
export interface WindowShape {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
}

/** A list attribute with an element for each of two spatial dimensions. */
export function pairOf(node: NodeReader, name: string, list: readonly number[]): [number, number] {
  if (list.length === 2) return [list[0], list[1]];
  if (list.length === 1 || list.length === 3) {
    throw new UnsupportedOperator(`${node.node.operator} over ${list.length} spatial dimensions is not supported`);
  }
  throw new ShapeError(`attribute ${name} has ${list.length} numbers, it needs 2`);
}

type Pads = [number, number, number, number];

/**
 * Padding as [top, left, bottom, right], stated by `pads` or implied by `auto_pad`: SAME makes the output
 * ceil(input / stride), the odd pixel going to the end (UPPER) or the beginning (LOWER).
 */
export function readPads(node: NodeReader, size: readonly [number, number], window: WindowShape): Pads {
  const autoPad = node.string('auto_pad', 'NOTSET');
  switch (autoPad) {
    case 'NOTSET':
    case '':
      return readExplicitPads(node);
    case 'VALID':
      return [0, 0, 0, 0];
    case 'SAME_UPPER':
    case 'SAME_LOWER': {
      const needed = (axis: 0 | 1) => {
        const extent = window.dilations[axis] * (window.kernel[axis] - 1) + 1;
        const outputs = Math.ceil(size[axis] / window.strides[axis]);
        return Math.max((outputs - 1) * window.strides[axis] + extent - size[axis], 0);
      };
      return splitPadding([needed(0), needed(1)], autoPad);
    }
    default:
      throw new ShapeError(`attribute auto_pad is "${autoPad}"`);
  }
}

/** Padding of both sides from that of each axis in total. */
export function splitPadding([vertical, horizontal]: readonly [number, number], autoPad: string): Pads {
  const first = (total: number) => (autoPad === 'SAME_LOWER' ? Math.ceil(total / 2) : Math.floor(total / 2));
  const [top, left] = [first(vertical), first(horizontal)];
  return [top, left, vertical - top, horizontal - left];
}

function readExplicitPads(node: NodeReader): Pads {
  const pads = node.optionalIntList('pads') ?? [0, 0, 0, 0];
  if (pads.length !== 4) throw new ShapeError(`attribute pads has ${pads.length} numbers, it needs 4`);
  if (pads.some((pad) => pad < 0)) throw new UnsupportedOperator('negative padding is not supported here');
  return [pads[0], pads[1], pads[2], pads[3]];
}
