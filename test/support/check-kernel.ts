import type { DenseTensor } from '../../engine/graph/types.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../engine/half.ts';
import { linearView, packedView, sliceAxis, sliceView, transposeView } from '../../engine/plan/views.ts';
import type { ElementType, Kernel, TensorView } from '../../shaders/kernel.ts';
import { testDevice } from './device.ts';
import { elementsOf, expectMemory, Memory, runOnMemory } from './memory.ts';

/** A tensor where it lies. */
export interface PlacedTensor {
  readonly view: TensorView;
  readonly tensor: DenseTensor;
}

/** What a kernel is to write. */
export interface ExpectedTensor extends PlacedTensor {
  /** The axis whose lanes up to a multiple of 4 must become 0. */
  readonly padTo4?: number;
  /** What lies there before, where that matters. */
  readonly before?: DenseTensor;
}

export interface CheckOptions {
  /** Share of the largest magnitude expected. */
  readonly tolerance?: number;
  /** Whether tensors of one element type lie in one allocation, one after the other. */
  readonly shared?: boolean;
  /** The order of the bindings where it isn't all inputs, then all outputs: positions in that list. */
  readonly order?: readonly number[];
}

/**
 * Runs a kernel and compares every element of every allocation: outputs with what is expected, everything else with what
 * was there before. Float outputs stored as f16 may be off by the rounding of the last bit.
 * @param build is given the views, moved where the tensors share an allocation
 */
export async function checkKernel(
  build: (inputs: readonly TensorView[], outputs: readonly TensorView[]) => Kernel,
  inputs: readonly PlacedTensor[],
  outputs: readonly ExpectedTensor[],
  options: CheckOptions = {},
): Promise<Kernel> {
  // Every kernel has to run within the limits that every device has.
  const { device } = await testDevice({ limits: 'core' });
  const placed = [...inputs, ...outputs];
  const sizes = placed.map(({ view }, index) => {
    const padTo4 = index < inputs.length ? undefined : outputs[index - inputs.length].padTo4;
    return Math.ceil(elementsOf(padded(view, padTo4)) / 4) * 4;
  });
  const starts = placed.map(() => 0);
  let memories: Memory[];
  if (options.shared) {
    const byElement = new Map<ElementType, Memory>();
    for (const { view } of placed) {
      const total = sizes.filter((_, i) => placed[i].view.element === view.element).reduce((a, b) => a + b, 0);
      byElement.set(view.element, byElement.get(view.element) ?? new Memory(view.element, total));
    }
    placed.forEach(({ view }, index) => {
      for (let i = 0; i < index; i++) if (placed[i].view.element === view.element) starts[index] += sizes[i];
    });
    memories = placed.map(({ view }) => byElement.get(view.element) as Memory);
  } else {
    memories = placed.map(({ view }, index) => new Memory(view.element, sizes[index]));
  }
  const views = placed.map(({ view }, index) => ({ ...view, offset: view.offset + starts[index] }));
  placed.forEach(({ tensor }, index) => {
    if (index < inputs.length) memories[index].write(views[index], tensor);
    const { before } = outputs[index - inputs.length] ?? {};
    if (before) memories[index].write(views[index], before);
  });
  const copies = new Map([...new Set(memories)].map((memory) => [memory, memory.copy()]));
  outputs.forEach(({ tensor, padTo4 }, output) => {
    const index = inputs.length + output;
    const expected = copies.get(memories[index]) as Memory;
    const whole = padded(views[index], padTo4);
    if (padTo4 !== undefined) expected.write(whole, { data: new Float32Array(whole.shape.reduce((a, b) => a * b, 1)) });
    expected.write(views[index], tensor);
  });
  const kernel = build(views.slice(0, inputs.length), views.slice(inputs.length));
  const order = options.order ?? placed.map((_, index) => index);
  await runOnMemory(
    device,
    kernel,
    order.map((index) => memories[index]),
  );
  const half = outputs.some(({ view }) => view.element === 'f16');
  const tolerance = Math.max(options.tolerance ?? 0, half ? 1e-3 : 0);
  for (const [memory, expected] of copies) expectMemory(memory, expected, tolerance);
  return kernel;
}

function padded(view: TensorView, axis: number | undefined): TensorView {
  if (axis === undefined) return view;
  return { ...view, shape: view.shape.map((size, a) => (a === axis ? Math.ceil(size / 4) * 4 : size)) };
}

/** A tensor as it reads after having been stored: f16 loses digits. */
export function storedAs(element: ElementType, tensor: DenseTensor): DenseTensor {
  if (element !== 'f16') return tensor;
  return { ...tensor, data: float16ToFloat32(float32ToFloat16(Float32Array.from(tensor.data))) };
}

export interface NamedView {
  readonly name: string;
  readonly view: TensorView;
  /** Whether the view is channels-last and owns the lanes up to a multiple of 4 channels. */
  readonly ownsPadding: boolean;
}

/** Views of one shape as they occur: row-major and channels-last, and slices, transposes and strided views of these. */
export function viewsOf(shape: readonly number[], element: ElementType): NamedView[] {
  const rank = shape.length;
  const all = (value: number) => shape.map(() => value);
  const reversed = shape.map((_, axis) => rank - 1 - axis);
  const doubled = linearView(
    shape.map((size) => 2 * size),
    element,
  );
  const views: NamedView[] = [
    { name: 'row-major', view: linearView(shape, element), ownsPadding: false },
    { name: 'row-major at 5', view: { ...linearView(shape, element), offset: 5 }, ownsPadding: false },
    {
      name: 'transposed',
      view: transposeView(linearView([...shape].reverse(), element), reversed),
      ownsPadding: false,
    },
    { name: 'every second', view: sliceView(doubled, all(1), shape, all(2)), ownsPadding: false },
    {
      name: 'backwards',
      view: sliceView(
        linearView(shape, element),
        shape.map((size) => size - 1),
        shape,
        all(-1),
      ),
      ownsPadding: false,
    },
  ];
  if (rank >= 3) {
    const wide = packedView([shape[0], shape[1] + 8, ...shape.slice(2)], element);
    views.push(
      { name: 'channels-last', view: packedView(shape, element), ownsPadding: true },
      { name: 'channel slice', view: sliceAxis(wide, 1, 4, shape[1]), ownsPadding: false },
      { name: 'unaligned channel slice', view: sliceAxis(wide, 1, 3, shape[1]), ownsPadding: false },
    );
  }
  return views;
}
