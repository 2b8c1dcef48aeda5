/**
 * The contract between kernels and the planner. A kernel is pure data: WGSL for its body, the tensors it binds, its
 * parameters and its dispatch size. Nothing here touches a GPU, so a plan can be printed, compared and cached.
 */

/** How one element of a tensor is stored. Arithmetic is float32 unless a kernel says otherwise. */
export type ElementType = 'f32' | 'f16' | 'i32' | 'u32';

export function bytesPerElement(element: ElementType): number {
  return element === 'f16' ? 2 : 4;
}

/**
 * A tensor where it lies: a window into an allocation. Strides and offset count elements, not bytes; the offset counts
 * from the start of the allocation. A stride of 0 repeats.
 */
export interface TensorView {
  readonly element: ElementType;
  /** Dimensions in the graph's order, feature maps [N, C, H, W]. */
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/**
 * A feature map in the layout that fast kernels need: channels innermost and contiguous, every pixel beginning at a
 * multiple of 4 elements, so that one vec4 is four channels of one pixel. `channels` is the true count: the lanes up to
 * the next multiple of 4 exist, hold finite values, and may be read (weights there are zero) and, where the view owns
 * them, written.
 * Element of (n, h, w, c): offset + n * imageStride + (h * width + w) * pixelStride + c.
 */
export interface FeatureMap {
  readonly element: ElementType;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly offset: number;
  readonly imageStride: number;
  readonly pixelStride: number;
}

export interface Binding {
  /** The WGSL identifier in the kernel's body. It may only be used as `name[index]` (reads or writes). */
  readonly name: string;
  readonly element: ElementType;
  /** Elements per array entry: 4 binds array<vec4<T>>, 1 binds array<T>. */
  readonly vector: 1 | 4;
  readonly access: 'read' | 'write';
  /** The tensor that it takes, where that is another than the one of the binding's name; see `ConvolutionCandidate`. */
  readonly tensor?: string;
}

/** A parameter's WGSL type follows from its form: 'u32', 'i32' or 'f32'. */
export interface Parameter {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
  readonly value: number;
}

export interface Kernel {
  /** Human-readable family and decisions, for profiles and plans: 'conv2d direct 3x3 s2 4x8 silu'. */
  readonly label: string;
  /** In binding order; the same order in which the planner passes tensors. All storage buffers. */
  readonly bindings: readonly Binding[];
  /**
   * Sizes, strides and offsets. The body reads them as `params.name`; they become a uniform buffer, or constants when the
   * plan specialises pipelines. Whatever changes the text (tile, kernel size, epilogue) is text, not a parameter.
   */
  readonly parameters: readonly Parameter[];
  readonly workgroupSize: readonly [number, number, number];
  /** Dispatch size in workgroups; each at most 65535. */
  readonly workgroups: readonly [number, number, number];
  /**
   * WGSL after the declarations: helper functions, workgroup variables, and `fn main` WITHOUT its attributes:
   * `fn main(@builtin(global_invocation_id) id: vec3<u32>) { ... }` preceded by the marker `@main` on its own line,
   * which assembly replaces by @compute @workgroup_size.
   */
  readonly body: string;
  /** Optional device features that the text needs beyond what its element types imply. */
  readonly features?: readonly ('subgroups' | 'subgroup-matrices')[];
}

/** One parameter of each name: the parts of a kernel may ask for some of the same. */
export function uniqueParameters(parameters: readonly Parameter[]): Parameter[] {
  return [...new Map(parameters.map((parameter) => [parameter.name, parameter])).values()];
}
