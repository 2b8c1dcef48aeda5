import type { KernelChoices } from '../../shaders/conv-candidate.ts';
import { loadPart } from '../load-part.ts';
import type { Plan } from '../plan/plan.ts';
import type { TuningTable } from '../plan/tuning-table.ts';
import type { EngineDevice } from '../runtime/device.ts';
import type { TuningProgress } from '../runtime/tuner.ts';
import type { LoadProgress } from './open-model.ts';

/** How a network is tuned while it is loaded. */
export interface TuneOptions {
  /**
   * Milliseconds that timing kernels may take, compiling them included. 0: nothing is timed, but tables are used. Default:
   * 2000 in a browser, 10000 in Node.
   */
  readonly budgetMs?: number;
  /** A table that came with the application, or its JSON text: it goes before what is remembered. */
  readonly table?: TuningTable | string;
  /**
   * Where winners are remembered: in Node the path of a file, in a browser the name of a database. false: nowhere. Default:
   * a file for each adapter in the user's cache folder, or IndexedDB.
   */
  readonly store?: string | false;
  readonly onProgress?: (progress: TuningProgress) => void;
  /** Told, in a sentence, of a table that is ignored, or that can't be written. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** What a person decides about kernels; it goes before what was measured. */
export interface KernelOptions {
  /** Run every layer that has a kernel whose name begins like this with the first such: 'direct', 'winograd' ... */
  readonly prefer?: string;
  /** Names of kernels by layer: by its node's name, or by its key in tuning tables. They go before `prefer`. */
  readonly pins?: Readonly<Record<string, string>>;
}

/** The options of loading a network that decide about kernels. */
export interface KernelChoiceOptions {
  /**
   * Time the kernels that this device could run the network's convolutions with, and keep the fastest. What was timed before
   * on the same adapter isn't timed again. Only loading takes that time: a detector's batches and other sizes of input
   * run with what is known by then. Default false.
   */
  readonly tune?: boolean | TuneOptions;
  readonly kernels?: KernelOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Names of planner optimisations to leave out, see `PLAN_SWITCHES`. */
  readonly disable?: readonly string[];
}

/** Chooses kernels for the plans of a network; see `SessionOptions`. */
export interface KernelChooser {
  /** By what is known now. */
  readonly kernels: KernelChoices;
  readonly choose: (plan: Plan) => Promise<KernelChoices | undefined>;
  /** What is known of the plans' layers; undefined where tuning is off. */
  readonly tuning: TuningTable | undefined;
}

/**
 * Undefined where nothing is asked for: then nothing of it is loaded.
 * @throws InvalidArgumentError, ModuleLoadError
 */
export async function kernelChooser(
  options: KernelChoiceOptions,
  device: EngineDevice,
): Promise<KernelChooser | undefined> {
  if (!options.tune && !options.kernels) return undefined;
  const { createKernelChooser } = await loadPart('tuning', () => import('./tuning.ts'));
  return createKernelChooser(options, device);
}
