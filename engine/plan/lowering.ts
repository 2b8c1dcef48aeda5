import { bytesPerElement, type ElementType, type FeatureMap, type Kernel, type TensorView } from '../../shaders/kernel.ts';
import { copy } from '../../shaders/copy.ts';
import { elementCount } from '../graph/builder.ts';
import type { Graph, Node, Shape, Value } from '../graph/types.ts';
import { assignLayouts } from './layout.ts';
import { bindingTooLarge, encodeElements } from './elements.ts';
import type { DeviceProfile, PlanSwitches } from './options.ts';
import {
  asFeatureMap,   freshElements,
  freshView,
  isChannelsLast,
  type Layout,
  reshapeView,
  roundUpTo4,
} from './views.ts';

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

/** The state of lowering one graph: where every value lies so far, and the dispatches emitted so far. */
export class Lowering {
  readonly graph: Graph;
  readonly device: DeviceProfile;
  readonly switches: PlanSwitches;
  readonly allocations: PendingAllocation[] = [];
  readonly steps: PendingStep[] = [];
  readonly notes: string[] = [];
  /** Places promised to values before their node is lowered: slices of a concatenation's output. */
  readonly reserved = new Map<Value, Tensor>();
  readonly #placed = new Map<Value, Tensor>();
  readonly #asMaps = new Map<Value, MapTensor>();
  readonly #layouts: ReadonlyMap<Value, Layout>;
  readonly #precision: ReadonlyMap<Value, 'float32' | 'float16'>;

  constructor(
    graph: Graph,
    precision: ReadonlyMap<Value, 'float32' | 'float16'>,
    device: DeviceProfile,
    switches: PlanSwitches,
  ) {
    this.graph = graph;
    this.device = device;
    this.switches = switches;
    this.#precision = precision;
    this.#layouts = assignLayouts(graph);
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
    if (promised.allocation !== written.allocation) this.copy(written, promised, node, 'promised place is no feature map');
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
    this.emit(copy({ input: from.view, output: to.view, padTo4 }), [from, to], node, 'copy');
    this.notes.push(`copy at ${node.name}: ${why}`);
  }

  emit(kernel: Kernel, tensors: readonly Tensor[], node: Node, operator: string = node.op.type, flops = 0): void {
    const bytes = tensors.reduce((total, { view }) => total + elementCount(view.shape) * bytesPerElement(view.element), 0);
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
    const pixelStride = Math.min(...view.strides.filter((stride, axis) => axis !== 1 && view.shape[axis] > 1));
    const end = view.offset + roundUpTo4(view.shape[1]);
    if (!Number.isFinite(pixelStride)) return end === this.allocations[allocation].elements;
    return (view.offset % pixelStride) + roundUpTo4(view.shape[1]) === pixelStride;
  }

  /** Reshapes without moving, or through one copy into fresh memory. */
  reshape(value: Value, output: Value, node: Node): void {
    const from = this.tensor(value);
    const promised = this.reserved.get(output);
    const view = reshapeView(from.view, output.shape);
    if (view && !promised) {
      this.alias(output, { allocation: from.allocation, view });
      return;
    }
    if (view && promised) {
      this.alias(output, promised);
      if (from.allocation !== promised.allocation || from.view.offset !== promised.view.offset) {
        this.copy({ allocation: from.allocation, view }, promised, node, 'reshaped into a concatenation');
      }
      return;
    }
    const to = this.output(output);
    const target = reshapeView(to.view, value.shape);
    if (target) {
      this.copy(from, { allocation: to.allocation, view: target }, node, 'reshape moves elements');
      return;
    }
    const linear = this.allocate(`${output.name} row-major`, 'linear', value.shape, to.view.element);
    this.copy(from, linear, node, 'reshape moves elements');
    const reshaped = reshapeView(linear.view, output.shape);
    if (!reshaped) throw new Error(`${node.name}: a row-major tensor can always be reshaped`);
    this.copy({ allocation: linear.allocation, view: reshaped }, to, node, 'reshape moves elements');
  }
}

function requireMap(view: TensorView): FeatureMap {
  const map = asFeatureMap(view);
  if (!map) throw new Error(`a fresh channels-last tensor [${view.shape}] must be a feature map`);
  return map;
}
