import type { KernelChoices } from '../../shaders/conv-candidate.ts';
import { copy } from '../../shaders/copy.ts';
import type { Expression } from '../../shaders/expression.ts';
import {
  bytesPerElement,
  type ElementType,
  type FeatureMap,
  type Kernel,
  type TensorView,
} from '../../shaders/kernel.ts';
import { elementCount } from '../graph/indexing.ts';
import type { Graph, Node, Shape, Value } from '../graph/types.ts';
import { bindingTooLarge, encodeElements } from './elements.ts';
import { assignLayouts } from './layout.ts';
import type { DeviceProfile, PlanSwitches } from './options.ts';
import type { ConvolutionLayer } from './plan.ts';
import { asFeatureMap, freshElements, freshView, isChannelsLast, type Layout, roundUpTo4 } from './views.ts';

/** A tensor that has a place: a view into an allocation. */
export interface Tensor {
  readonly allocation: number;
  readonly view: TensorView;
}

/** A feature map and the tensor it describes. */
export interface MapTensor extends Tensor {
  readonly map: FeatureMap;
}

/** An allocation before the memory planner has placed it. */
export interface PendingAllocation {
  readonly label: string;
  readonly element: ElementType;
  readonly elements: number;
  /** Whether lanes beyond the channel count exist and hold finite values. */
  readonly padded: boolean;
  readonly contents?: () => ArrayBufferView<ArrayBuffer>;
}

export interface PendingStep {
  readonly kernel: Kernel;
  readonly tensors: readonly number[];
  readonly node: string;
  readonly operator: string;
  readonly flops: number;
  readonly bytes: number;
}

/** What an elementwise value is, in terms of tensors: computed by whoever reads it, so that chains are one dispatch. */
export interface PendingExpression {
  readonly node: Node;
  readonly expression: Expression;
  /** The tensors that `input` expressions number. */
  readonly leaves: readonly Value[];
  readonly flops: number;
}

/** The state of lowering one graph: where every value lies so far, and the dispatches emitted so far. */
export class Lowering {
  readonly graph: Graph;
  readonly device: DeviceProfile;
  readonly switches: PlanSwitches;
  /** What the caller has chosen of the kernels. */
  readonly kernels: KernelChoices;
  readonly allocations: PendingAllocation[] = [];
  readonly steps: PendingStep[] = [];
  readonly layers: ConvolutionLayer[] = [];
  readonly notes: string[] = [];
  /** Places promised to values before their node is lowered: slices of a concatenation's output. */
  readonly reserved = new Map<Value, Tensor>();
  /** Elementwise values left to their only reader. */
  readonly pending = new Map<Value, PendingExpression>();
  readonly #readers = new Map<Value, Node[]>();
  readonly #placed = new Map<Value, Tensor>();
  readonly #asMaps = new Map<Value, MapTensor>();
  readonly #layouts: ReadonlyMap<Value, Layout>;
  readonly #precision: ReadonlyMap<Value, 'float32' | 'float16'>;

  constructor(
    graph: Graph,
    precision: ReadonlyMap<Value, 'float32' | 'float16'>,
    device: DeviceProfile,
    switches: PlanSwitches,
    kernels: KernelChoices,
  ) {
    this.graph = graph;
    this.device = device;
    this.switches = switches;
    this.kernels = kernels;
    this.#precision = precision;
    this.#layouts = assignLayouts(graph);
    for (const node of graph.nodes) {
      for (const input of node.inputs) this.#readers.set(input, [...(this.#readers.get(input) ?? []), node]);
    }
  }

  /** The one node that reads a value; undefined where there are several, or where the value is an output of the graph. */
  onlyReader(value: Value): Node | undefined {
    const readers = new Set(this.#readers.get(value));
    return readers.size === 1 && !this.graph.outputs.includes(value) ? [...readers][0] : undefined;
  }

  layoutOf(value: Value): Layout {
    return this.#layouts.get(value) ?? 'linear';
  }

  /** How a value's elements are stored. Constants follow whoever asks, see `constant`. */
  elementOf(value: Value): ElementType {
    if (value.kind !== 'float') return 'i32';
    return this.#precision.get(value) === 'float16' ? 'f16' : 'f32';
  }

  allocate(label: string, layout: Layout, shape: Shape, element: ElementType): Tensor {
    const elements = Math.max(4, roundUpTo4(freshElements(layout, shape)));
    const bytes = elements * bytesPerElement(element);
    if (bytes > this.device.maxBindingBytes) throw bindingTooLarge(label, bytes, this.device.maxBindingBytes);
    this.allocations.push({ label, element, elements, padded: layout === 'packed' });
    return { allocation: this.allocations.length - 1, view: freshView(layout, shape, element) };
  }

  /** Uploads `contents` once, when the session is created; `shape` is row-major. */
  upload(label: string, shape: Shape, element: ElementType, contents: () => Float32Array | Int32Array): Tensor {
    const elements = Math.max(4, roundUpTo4(elementCount(shape)));
    const bytes = elements * bytesPerElement(element);
    if (bytes > this.device.maxBindingBytes) throw bindingTooLarge(label, bytes, this.device.maxBindingBytes);
    this.allocations.push({
      label,
      element,
      elements,
      padded: true,
      contents: () => encodeElements(contents(), element, elements),
    });
    return { allocation: this.allocations.length - 1, view: freshView('linear', shape, element) };
  }

  /** Where a value lies. Constants are uploaded when first asked for. */
  tensor(value: Value): Tensor {
    const known = this.#placed.get(value);
    if (known) return known;
    const { constant } = value;
    if (!constant) throw new Error(`${value.name} is used before it is computed`);
    const contents = () => (constant instanceof Uint8Array ? Int32Array.from(constant) : constant);
    const tensor = this.upload(value.name, value.shape, value.kind === 'float' ? 'f32' : 'i32', contents);
    this.#placed.set(value, tensor);
    return tensor;
  }

  /** Says where a value lies without a kernel: a view of another tensor. */
  alias(value: Value, tensor: Tensor): void {
    this.#placed.set(value, tensor);
  }

  /** The memory a node is to write a value into: what was promised to it, or memory of its own. */
  output(value: Value, layout: Layout = this.layoutOf(value)): Tensor {
    const tensor = this.reserved.get(value) ?? this.allocate(value.name, layout, value.shape, this.elementOf(value));
    this.#placed.set(value, tensor);
    return tensor;
  }

  /** The memory to write a feature map into. A promised place that isn't one is filled by a copy in `finishMap`. */
  outputMap(value: Value): MapTensor {
    const tensor = this.output(value, 'packed');
    const map = this.#writableMap(tensor);
    if (map) return { ...tensor, map };
    const own = this.allocate(value.name, 'packed', value.shape, this.elementOf(value));
    return { ...own, map: requireMap(own.view) };
  }

  /** After a node has written `written`: moves it to the place promised to the value, if that is elsewhere. */
  finishMap(value: Value, written: MapTensor, node: Node): void {
    const promised = this.tensor(value);
    if (promised.allocation !== written.allocation)
      this.copy(written, promised, node, 'its slice of a concatenation is no whole number of vec4s');
  }

  /** A value as a feature map that vec4 kernels can read; copied once if it lies otherwise. */
  map(value: Value, node: Node): MapTensor {
    const known = this.#asMaps.get(value);
    if (known) return known;
    const tensor = this.tensor(value);
    const map = asFeatureMap(tensor.view);
    let result: MapTensor;
    if (map && (map.channels % 4 === 0 || this.allocations[tensor.allocation].padded)) {
      result = { ...tensor, map };
    } else {
      const own = this.allocate(`${value.name} channels-last`, 'packed', value.shape, tensor.view.element);
      this.copy(tensor, own, node, 'needed channels-last');
      result = { ...own, map: requireMap(own.view) };
    }
    this.#asMaps.set(value, result);
    return result;
  }

  /** Emits a strided copy; both views have the same shape. */
  copy(from: Tensor, to: Tensor, node: Node, why: string): void {
    const channels = to.view.shape[1];
    const padTo4 = isChannelsLast(to.view) && channels % 4 !== 0 && this.#ownsPadding(to) ? 1 : undefined;
    this.emit(copy({ input: from.view, output: to.view, padTo4 }), [from, to], node, 0, 'copy');
    this.notes.push(`copy at ${node.name}: ${why}`);
  }

  /** Adds a dispatch; `tensors` in the order of the kernel's bindings. */
  emit(kernel: Kernel, tensors: readonly Tensor[], node: Node, flops = 0, operator: string = node.op.type): void {
    const bytes = tensors.reduce(
      (total, { view }) => total + elementCount(view.shape) * bytesPerElement(view.element),
      0,
    );
    this.steps.push({ kernel, tensors: tensors.map((t) => t.allocation), node: node.name, operator, flops, bytes });
  }

  /** The axis whose lanes up to a multiple of 4 a scalar kernel must fill with zeros, if any. */
  padAxis(tensor: Tensor): 1 | undefined {
    const { view } = tensor;
    return view.shape.length >= 3 && view.shape[1] % 4 !== 0 && isChannelsLast(view) && this.#ownsPadding(tensor)
      ? 1
      : undefined;
  }

  /** Whether vec4 kernels may write the whole last vec4 of each pixel. */
  #writableMap(tensor: Tensor): FeatureMap | undefined {
    const map = asFeatureMap(tensor.view);
    if (!map) return undefined;
    return map.channels % 4 === 0 || this.#ownsPadding(tensor) ? map : undefined;
  }

  /** Whether the lanes after the last channel belong to this view alone: nobody else's channels lie there. */
  #ownsPadding({ allocation, view }: Tensor): boolean {
    if (!this.allocations[allocation].padded) return false;
    const pixelStride = Math.min(...view.strides.filter((_, axis) => axis !== 1 && view.shape[axis] > 1));
    const end = view.offset + roundUpTo4(view.shape[1]);
    if (!Number.isFinite(pixelStride)) return end === this.allocations[allocation].elements;
    return (view.offset % pixelStride) + roundUpTo4(view.shape[1]) === pixelStride;
  }
}

function requireMap(view: TensorView): FeatureMap {
  const map = asFeatureMap(view);
  if (!map) throw new Error(`a fresh channels-last tensor [${view.shape}] must be a feature map`);
  return map;
}
