import { type ConvolutionCandidate, decidedCandidate, KERNELS_VERSION } from '../../shaders/conv-candidate.ts';
import { InvalidArgumentError, OutOfMemoryError, throwIfAborted } from '../errors.ts';
import { planSwitches } from '../plan/options.ts';
import type { ConvolutionLayer, Plan } from '../plan/plan.ts';
import { convolutionCandidates } from '../plan/rules/convolution.ts';
import {
  checkTable,
  conditionsKey,
  emptyTable,
  layerOf,
  mergeTables,
  printTable,
  restrictTable,
  type TunedLayer,
  type TuningConditions,
  type TuningTable,
  tuningConditions,
  winnersOf,
} from '../plan/tuning-table.ts';
import type { EngineDevice } from '../runtime/device.ts';
import { fitsBindings, GpuLayerTimer, type TimedLayer } from '../runtime/layer-timer.ts';
import { deviceProfile, loadKernels } from '../runtime/session.ts';
import { tune } from '../runtime/tuner.ts';
import { openIndexedDbStore, type TuningStore } from '../runtime/tuning-store.ts';
import { checkKernelOptions } from './check-kernel-options.ts';
import type { KernelChoiceOptions, KernelChooser, TuneOptions } from './kernel-options.ts';
import { platform } from './platform.ts';

const BROWSER_BUDGET_MS = 2000;

/** @throws InvalidArgumentError */
export async function createKernelChooser(options: KernelChoiceOptions, device: EngineDevice): Promise<KernelChooser> {
  const { kernels = {} } = options;
  await loadKernels(device);
  const decided = { pins: new Map(Object.entries(kernels.pins ?? {})), prefer: kernels.prefer };
  const tuning = options.tune
    ? await Tuning.create(options.tune === true ? {} : options.tune, options, device)
    : undefined;
  const profile = deviceProfile(device);
  const choicesNow = () => ({ ...decided, byLayer: tuning && winnersOf(tuning.table) });
  const candidatesOf = ({ operator, spec }: ConvolutionLayer) => convolutionCandidates(operator, spec, profile);
  return {
    get kernels() {
      return choicesNow();
    },
    choose: async (plan) => {
      checkKernelOptions(kernels, plan, candidatesOf);
      const open = plan.layers.filter((layer) => !decidedCandidate(candidatesOf(layer), layer, decided));
      return (await tuning?.tune(plan, open, candidatesOf)) ? choicesNow() : undefined;
    },
    get tuning() {
      return tuning?.used;
    },
  };
}

type CandidatesOf = (layer: ConvolutionLayer) => readonly ConvolutionCandidate[];

/** The tuning of one network: its table, where that is kept, and the time that is left. */
class Tuning {
  /** What is known of this adapter, whatever network it was measured for. */
  table: TuningTable;
  readonly #device: EngineDevice;
  readonly #conditions: TuningConditions;
  readonly #store: TuningStore | undefined;
  readonly #options: TuneOptions;
  readonly #loading: KernelChoiceOptions;
  readonly #keys = new Set<string>();
  #budgetMs: number;

  private constructor(
    device: EngineDevice,
    conditions: TuningConditions,
    options: TuneOptions,
    loading: KernelChoiceOptions,
    store: TuningStore | undefined,
  ) {
    const { budgetMs = platform().tuning?.budgetMs ?? BROWSER_BUDGET_MS } = options;
    if (!(budgetMs >= 0))
      throw new InvalidArgumentError(`tune.budgetMs must be a number of milliseconds, not ${budgetMs}`);
    this.table = emptyTable(conditions);
    this.#device = device;
    this.#conditions = conditions;
    this.#options = options;
    this.#loading = loading;
    this.#store = store;
    this.#budgetMs = budgetMs;
  }

  static async create(options: TuneOptions, loading: KernelChoiceOptions, device: EngineDevice): Promise<Tuning> {
    const { adapter } = device;
    const pipelines = planSwitches(loading.disable)['shared-pipelines'] ? 'shared' : 'specialized';
    const conditions = tuningConditions(KERNELS_VERSION, pipelines, adapter, deviceProfile(device));
    const { store: place } = options;
    const key = conditionsKey(conditions);
    const openStore = platform().tuning?.openStore ?? openIndexedDbStore;
    const store = place === false ? undefined : await openStore(key, place, adapter.name);
    const tuning = new Tuning(device, conditions, options, loading, store);
    await tuning.#readTables();
    return tuning;
  }

  /** What the table says of the layers of the plans so far. */
  get used(): TuningTable {
    return restrictTable(this.table, this.#keys);
  }

  /** Times what the table lacks of some layers of a plan, and remembers it. Whether the table has changed. */
  async tune(plan: Plan, layers: readonly ConvolutionLayer[], candidatesOf: CandidatesOf): Promise<boolean> {
    for (const { key } of plan.layers) this.#keys.add(key);
    const lacking = this.#budgetMs > 0 ? this.#lackingOf(layers, candidatesOf) : [];
    if (lacking.length === 0) return false;
    const measured = await this.#time(lacking);
    this.table = mergeTables(this.table, measured);
    await this.#save(measured);
    throwIfAborted(this.#loading.signal, `Tuning ${plan.name}`);
    return true;
  }

  /** The layers to time, those of most work first: what a layer takes is estimated from its arithmetic and its memory. */
  #lackingOf(layers: readonly ConvolutionLayer[], candidatesOf: CandidatesOf): TimedLayer[] {
    const { maxBindingBytes } = deviceProfile(this.#device);
    const byKey = new Map<string, { timed: TimedLayer; work: number }>();
    for (const layer of layers) {
      const known = byKey.get(layer.key);
      const { flops, bytes } = workOf(layer);
      const work = flops + FLOPS_PER_BYTE * bytes;
      if (known) known.work += work;
      else {
        const fitting = candidatesOf(layer).filter((candidate) => fitsBindings(layer, candidate, maxBindingBytes));
        const candidates = this.#untimedOf(layer.key, fitting);
        if (candidates.length > 1) byKey.set(layer.key, { timed: { layer, candidates, flops }, work });
      }
    }
    return [...byKey.values()].sort((a, b) => b.work - a.work).map(({ timed }) => timed);
  }

  /** What the table has no time of, after the best that it has: what is to be timed. */
  #untimedOf(key: string, candidates: readonly ConvolutionCandidate[]): ConvolutionCandidate[] {
    const layer = layerOf(this.table, key);
    if (!layer) return [...candidates];
    const times = layer.microseconds;
    const untimed = candidates.filter(({ name }) => !Object.hasOwn(times, name));
    const timed = candidates.filter(({ name }) => Object.hasOwn(times, name) && times[name] !== null);
    const slowness = ({ name }: ConvolutionCandidate) => (name === layer.winner ? -1 : (times[name] ?? 0));
    const best = timed.sort((a, b) => slowness(a) - slowness(b)).slice(0, 1);
    return [...best, ...untimed];
  }

  async #time(layers: readonly TimedLayer[]): Promise<TuningTable> {
    const started = performance.now();
    const specialize = this.#conditions.pipelines === 'specialized';
    const timer = await GpuLayerTimer.create(this.#device, layers, specialize).catch((error: unknown) => {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.#warn(`kernels are not timed: ${error.message}`);
      return undefined;
    });
    if (!timer) return emptyTable(this.#conditions);
    try {
      const contests = layers.map(({ layer: { key }, candidates }) => ({
        key,
        names: candidates.map(({ name }) => name),
      }));
      const measured = await tune(contests, timer, {
        budgetMs: Math.max(0, this.#budgetMs - (performance.now() - started)),
        signal: this.#loading.signal,
        onProgress: (progress) => {
          this.#options.onProgress?.(progress);
          this.#loading.onProgress?.({ stage: 'tune', done: progress.done, total: progress.total });
        },
      });
      this.#warnOfFailures(measured);
      return { ...emptyTable(this.#conditions), layers: Object.fromEntries(measured) };
    } finally {
      timer.dispose();
      this.#budgetMs = Math.max(0, this.#budgetMs - (performance.now() - started));
    }
  }

  #warnOfFailures(measured: ReadonlyMap<string, TunedLayer>): void {
    const failed = new Set<string>();
    for (const { microseconds } of measured.values()) {
      for (const [name, time] of Object.entries(microseconds)) if (time === null) failed.add(name);
    }
    if (failed.size > 0) this.#warn(`kernels that this device can't compile are left out: ${[...failed].join(', ')}`);
  }

  async #readTables(): Promise<void> {
    const store = this.#store;
    const remembered = await store?.read().catch((error: unknown) => this.#ignore(store.name, reasonOf(error)));
    if (store && remembered !== undefined) this.#take(remembered, store.name);
    const { table } = this.#options;
    if (table !== undefined) this.#take(table, 'given as tune.table');
  }

  #take(given: unknown, name: string): void {
    const { table, problem } = checkTable(given, this.#conditions);
    if (table) this.table = mergeTables(this.table, table);
    else this.#ignore(name, problem);
  }

  /** A file that isn't the engine's own and isn't such a table may be anything: it stays as it is. */
  async #save(measured: TuningTable): Promise<void> {
    const store = this.#store;
    try {
      await store?.update((text) => {
        const before = text === undefined ? emptyTable(this.#conditions) : checkTable(text, this.#conditions).table;
        if (before) return printTable(mergeTables(before, measured));
        return store.owned ? printTable(measured) : undefined;
      });
    } catch (error) {
      this.#warn(`the tuning table can't be written to ${store?.name}: ${reasonOf(error)}`);
    }
  }

  #ignore(name: string, problem: string): undefined {
    this.#warn(`the tuning table ${name} is ignored: ${problem}`);
  }

  #warn(message: string): void {
    const { onWarning = console.warn } = this.#options;
    onWarning(message);
  }
}

/** What devices can compute while they move a byte, about. */
const FLOPS_PER_BYTE = 10;

function workOf({ operator, spec, groupChannels }: ConvolutionLayer): { flops: number; bytes: number } {
  const { input, output, kernel } = spec;
  const pixels = ({ batch, height, width }: typeof input) => batch * height * width;
  // A transposed convolution applies its kernel to each pixel of the input.
  const applied = pixels(operator === 'conv2d' ? output : input);
  const flops = 2 * applied * output.channels * groupChannels * kernel[0] * kernel[1];
  return { flops, bytes: 4 * (pixels(input) * input.channels + pixels(output) * output.channels) };
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0];
}
