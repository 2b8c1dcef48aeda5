import type { Conv2d } from '../graph/ops/conv-2d.ts';
import type { ConvTranspose2d } from '../graph/ops/conv-transpose-2d.ts';
import type { Node, Shape } from '../graph/types.ts';

export type Convolution = Conv2d | ConvTranspose2d;

export function isConvolution(node: Node | undefined): node is Node<Convolution> {
  return node?.op.type === 'conv2d' || node?.op.type === 'convTranspose2d';
}

/** A convolution whose result is linear in its input, with numbers that are known: what algebra can be done on. */
export function isLinear(node: Node | undefined): node is Node<Convolution> {
  const known = (index: number) => node?.inputs[index].constant !== undefined;
  return isConvolution(node) && node.op.epilogue.length === 0 && known(1) && known(2);
}

/** Visits the kernel between each pair of connected channels: `size` elements of the weight from `start` on. */
export function forEachKernel(
  op: Convolution,
  weight: Shape,
  visit: (outChannel: number, inChannel: number, start: number, size: number) => void,
): void {
  const [outer, inner] = weight;
  const size = weight[2] * weight[3];
  for (let o = 0; o < outer; o++) {
    const group = Math.floor((o * op.groups) / outer);
    for (let i = 0; i < inner; i++) {
      const other = group * inner + i;
      if (op.type === 'conv2d') visit(o, other, (o * inner + i) * size, size);
      else visit(other, o, (o * inner + i) * size, size);
    }
  }
}
