import type { ConvolutionSpec } from '../../shaders/conv-candidate.ts';
import type { Kernel, TensorView } from '../../shaders/kernel.ts';
import type { ElementKind, Shape } from '../graph/types.ts';

/** What the compiler hands to the runtime: pure data, no GPU object in it, so it prints, compares and caches. */
export interface Plan {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The convolutions, in their order: what a tuner can choose kernels for. */
  readonly layers: readonly ConvolutionLayer[];
  readonly allocations: readonly Allocation[];
  /** Sizes in bytes of the buffers that activations share. */
  readonly pools: readonly number[];
  /** Bytes of the buffer that holds weights and other constants. */
  readonly weightBytes: number;
  readonly inputs: readonly PlanTensor[];
  readonly outputs: readonly PlanTensor[];
  readonly memory: MemoryReport;
  /** What the compiler did and could not do: copies that remained, precision, layout. */
  readonly notes: readonly string[];
}

/** One dispatch. */
export interface Step {
  readonly kernel: Kernel;
  /** The allocation behind each binding of the kernel, as an index into `Plan.allocations`. */
  readonly tensors: readonly number[];
  /** The graph node that asked for it. */
  readonly node: string;
  readonly operator: string;
  /** Multiply and add count as two. */
  readonly flops: number;
  /** Bytes read and written at least once, weights included. */
  readonly bytes: number;
}

/** A convolution of the network and the kernel that runs it. */
export interface ConvolutionLayer {
  /** See `convolutionKey`. */
  readonly key: string;
  /** The graph node. */
  readonly node: string;
  readonly operator: 'conv2d' | 'convTranspose2d';
  readonly spec: ConvolutionSpec;
  /** Input channels of one group. */
  readonly groupChannels: number;
  /** The candidate's name. */
  readonly chosen: string;
}

/** A block of device memory that one tensor, or several views of it, occupies. */
export interface Allocation {
  readonly label: string;
  readonly bytes: number;
  readonly place: Place;
  /** Elements to upload, for constants: called once, when the session is created. */
  readonly contents?: () => ArrayBufferView<ArrayBuffer>;
}

/** Where an allocation lies: in the weight buffer or in a pool, at a byte offset that suits a binding. */
export interface Place {
  readonly pool: number | 'weights';
  readonly offset: number;
}

/** A named tensor at the plan's border. */
export interface PlanTensor {
  readonly name: string;
  readonly kind: ElementKind;
  readonly shape: Shape;
  readonly allocation: number;
  /** Where its elements lie within the allocation. */
  readonly view: TensorView;
}

/** All in bytes. */
export interface MemoryReport {
  readonly weights: number;
  /** The pools together: what activations take. */
  readonly activations: number;
  /** The largest sum of activations alive at one step: no plan can take less. */
  readonly lowerBound: number;
  /** Activations if nothing were shared. */
  readonly unshared: number;
}
