import type { Graph } from '../engine/graph/types.ts';
import type { Contract } from './contract.ts';

/** A detector: its network, specialised to one input size, and what surrounds it. */
export interface Model {
  readonly graph: Graph;
  readonly contract: Contract;
}
