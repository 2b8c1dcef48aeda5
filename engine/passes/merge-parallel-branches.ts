import { sameShape } from '../graph/indexing.ts';
import type { Conv2d } from '../graph/ops/conv-2d.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { consumersOf, rewrite } from '../graph/rewrite.ts';
import type { Node, Value } from '../graph/types.ts';
import { type Branch, branchOf, type Kernel, kernelOf } from './branches.ts';
import { type Pass, Tally } from './pass.ts';

/**
 * Structural re-parameterization as algebra: convolutions of one input that are summed are one convolution, because
 * convolving is linear in the kernel. The identity and averages are convolutions too. RepVGG, QARepVGG, RepConv,
 * RepVGGDW and MobileOne blocks all fall out of it. The residual connection of an ordinary bottleneck stays, because what
 * it skips isn't linear, or isn't one convolution of the same input.
 */
export const mergeParallelBranches: Pass = {
  name: 'merge-parallel-branches',
  description: 'Merges summed convolutions, averages and identities of one input into one convolution.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const consumers = consumersOf(graph);
    const merged = rewrite(graph, (node, rewriter) => {
      if (!isSum(node)) return undefined;
      const [output] = node.outputs;
      // A sum that only another sum reads is a part of that one.
      const isPart = consumers
        .get(output)
        ?.some((consumer) => isSum(consumer) && sameShape(consumer.outputs[0].shape, output.shape));
      return isPart && rewriter.usesOf(output) === 1 ? undefined : mergeTerms(node, rewriter, tally);
    });
    return { graph: merged, notes: tally.notes };
  },
};

function isSum(node: Node | undefined): node is Node {
  return node?.op.type === 'binary' && node.op.function === 'add' && node.outputs[0].shape.length === 4;
}

/** What a tree of sums adds up, in order. Sums that others read too are terms themselves. */
function termsOf(sum: Node, rewriter: Rewriter): Value[] {
  return sum.inputs.flatMap((input) => {
    const producer = rewriter.usesOf(input) === 1 ? rewriter.producerOf(input) : undefined;
    return isSum(producer) && sameShape(input.shape, sum.outputs[0].shape) ? termsOf(producer, rewriter) : [input];
  });
}

/** The sum with every set of terms that one convolution can compute replaced by it. */
function mergeTerms(root: Node, rewriter: Rewriter, tally: Tally): readonly Value[] | undefined {
  const [output] = root.outputs;
  const all = termsOf(root, rewriter);
  let terms = all;
  for (const candidate of all) {
    const convolution = rewriter.producerOf(candidate);
    if (!terms.includes(candidate) || convolution?.op.type !== 'conv2d' || !kernelOf(convolution)) continue;
    const branches: Branch[] = [];
    const others: Value[] = [];
    for (const term of terms) {
      const fits = term.constant !== undefined || sameShape(term.shape, output.shape);
      const branch = fits ? branchOf(term, convolution.inputs[0], rewriter) : undefined;
      if (branch && isCompatible(branch, convolution.op)) branches.push(branch);
      else others.push(term);
    }
    if (!isWorthwhile(branches)) continue;
    const outputName = others.length === 0 ? output.name : candidate.name;
    const merged = emitMerged(convolution as Node<Conv2d>, branches, output, outputName, rewriter);
    tally.add(`sum of ${branches.length} branches became one convolution`);
    terms = [merged, ...others];
  }
  if (terms === all) return undefined;
  const last = terms.length - 1;
  const add = (sum: Value, term: Value, index: number) => {
    const name = index === last ? output.name : `${root.name}:part${index}`;
    return rewriter.emit({ type: 'binary', function: 'add' }, [sum, term], root.name, [name])[0];
  };
  return [terms.reduce(add)];
}

function isCompatible({ kernel }: Branch, { strides, groups }: Conv2d): boolean {
  if (!kernel) return true;
  return sameShape(kernel.strides, strides) && (kernel.groups === undefined || kernel.groups === groups);
}

/** Whether there is something to merge, and the merged kernel has no more taps than its parts together. */
function isWorthwhile(branches: readonly Branch[]): boolean {
  const kernels = branches.flatMap(({ kernel }) => kernel ?? []);
  const convolutions = kernels.filter((kernel) => kernel.groups !== undefined);
  if (convolutions.length === 0 || kernels.length < 2) return false;
  const taps = convolutions.reduce((sum, { size }) => sum + size[0] * size[1], 0);
  const { size } = unionOf(kernels);
  return size[0] * size[1] <= taps;
}

/** The smallest window that holds every tap: `origin` pixels up and left of the output's position, `size` pixels. */
function unionOf(kernels: readonly Kernel[]): { readonly origin: [number, number]; readonly size: [number, number] } {
  const along = (axis: 0 | 1) => {
    const origin = Math.max(...kernels.map((kernel) => kernel.origin[axis]));
    const beyond = kernels.map(({ dilations, size, origin }) => dilations[axis] * (size[axis] - 1) - origin[axis]);
    return { origin, size: origin + Math.max(...beyond) + 1 };
  };
  const [vertical, horizontal] = [along(0), along(1)];
  return { origin: [vertical.origin, horizontal.origin], size: [vertical.size, horizontal.size] };
}

function emitMerged(
  convolution: Node<Conv2d>,
  branches: readonly Branch[],
  output: Value,
  outputName: string,
  { emit }: Rewriter,
): Value {
  const [x, oldWeight, oldBias] = convolution.inputs;
  const { op } = convolution;
  const { origin, size } = unionOf(branches.flatMap(({ kernel }) => kernel ?? []));
  const [outChannels, groupChannels] = oldWeight.shape;
  const shape = [outChannels, groupChannels, ...size];
  const weight = new Float64Array(outChannels * groupChannels * size[0] * size[1]);
  const bias = new Float64Array(outChannels);
  for (const branch of branches) {
    for (let out = 0; out < outChannels; out++) bias[out] += branch.shift[out];
    if (branch.kernel) addKernel(branch.kernel, branch.scale, weight, shape, origin);
  }
  // Padding after the input is what the last window needs.
  const after = ([0, 1] as const).map((axis) => {
    const end = (output.shape[2 + axis] - 1) * op.strides[axis] + size[axis] - origin[axis];
    return Math.max(0, end - x.shape[2 + axis]);
  });
  const merged: Conv2d = { ...op, pads: [...origin, after[0], after[1]], dilations: [1, 1] };
  const inputs: Value[] = [
    x,
    { ...oldWeight, shape, constant: Float32Array.from(weight) },
    { ...oldBias, constant: Float32Array.from(bias) },
  ];
  return emit(merged, inputs, convolution.name, [outputName])[0];
}

/** Adds a kernel, scaled per output channel, into a weight whose first tap lies at `origin`. */
function addKernel(
  kernel: Kernel,
  scale: Float64Array,
  weight: Float64Array,
  [outChannels, groupChannels, height, width]: readonly number[],
  origin: readonly [number, number],
): void {
  const [top, left] = [origin[0] - kernel.origin[0], origin[1] - kernel.origin[1]];
  for (let out = 0; out < outChannels; out++) {
    for (let channel = 0; channel < groupChannels; channel++) {
      const plane = (out * groupChannels + channel) * height * width;
      for (let tap = 0; tap < kernel.size[0] * kernel.size[1]; tap++) {
        const y = top + Math.floor(tap / kernel.size[1]) * kernel.dilations[0];
        const x = left + (tap % kernel.size[1]) * kernel.dilations[1];
        weight[plane + y * width + x] += scale[out] * kernel.weight(out, channel, groupChannels, tap);
      }
    }
  }
}
