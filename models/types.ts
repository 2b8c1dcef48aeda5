import type { Graph } from '../engine/graph/types.ts';
import type { Contract, ContractOverrides } from './contract.ts';
import type { InputSize } from './input-size.ts';

/** A detector: its network, specialised to one input size, and what surrounds it. */
export interface Model {
  readonly graph: Graph;
  readonly contract: Contract;
}

export interface ModelOptions extends ContractOverrides {
  /** Pixels; the network's own size where left out. */
  readonly inputSize?: InputSize;
  /** Images at a time, for networks that leave it open; 1 where left out. */
  readonly batch?: number;
}
