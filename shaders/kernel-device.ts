/** What a choice of kernels depends on. Numbers only, so that plans can be made for devices that aren't here. */
export interface KernelDevice {
  /** Whether tensors may be stored as f16. */
  readonly float16: boolean;
  /** The fewest invocations that a subgroup can have here; 0 where the device has no subgroup operations. */
  readonly smallestSubgroup: number;
  /** A processor does the graphics card's work: memory accesses of a vector's lanes run one after the other. */
  readonly software: boolean;
}
