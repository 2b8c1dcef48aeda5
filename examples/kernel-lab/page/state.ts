import type { EngineDevice, LabLayer, NetworkLayer, Roofline, TextProblem } from 'onelook/lab';
import { StateStore } from '../../web/page/state-store.ts';
import type { Pins } from '../lab/pins.ts';
import type { Entry } from '../lab/study.ts';

/** A network whose layers can be chosen. */
export interface ListedNetwork {
  readonly name: string;
  readonly layers: readonly NetworkLayer[];
}

/** The live kernel as it was once tried. */
export interface Attempt {
  readonly number: number;
  /** Of the layer that it was tried on. */
  readonly key: string;
  readonly text: string;
  readonly entry: Entry;
  /** The fastest built-in kernel's time over its own. */
  readonly ratio?: number;
}

/** Everything that the page knows; what it shows follows from this. */
export interface State {
  readonly device?: EngineDevice;
  readonly roofline?: Roofline;
  readonly precision: 'float32' | 'float16';
  readonly network?: ListedNetwork;
  readonly layer?: LabLayer;
  /** The built-in kernels of the layer, by name. */
  readonly candidates: readonly string[];
  /** What was measured on the layer, by the name of the kernel. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** The best built-in kernels of the layers that were measured before, by key. */
  readonly earlier: ReadonlyMap<string, Entry>;
  /** What goes on, in words. */
  readonly running?: string;
  /** The live kernel. */
  readonly text: string;
  /** The built-in kernel that it was. */
  readonly begunFrom?: string;
  readonly problems: readonly TextProblem[];
  readonly attempts: readonly Attempt[];
  readonly pins: Pins;
  /** The kernel that the pointer is on, in the table or the plot. */
  readonly pointedAt?: string;
  /** What went wrong, in one sentence. */
  readonly error?: string;
}

export class Store extends StateStore<State> {
  constructor() {
    super({
      precision: 'float32',
      candidates: [],
      entries: new Map(),
      earlier: new Map(),
      text: '',
      problems: [],
      attempts: [],
      pins: {},
    });
  }
}

/** The name of the live kernel. */
export const LIVE = 'yours';
