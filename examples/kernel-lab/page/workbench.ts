import {
  acquireDevice,
  checkModel,
  DeviceLostError,
  deviceRoofline,
  type EngineDevice,
  formatKernel,
  type LabLayer,
  LayerBench,
  labLayer,
  layerOfText,
  type ModelSource,
  type NetworkLayer,
  networkLayers,
  PipelineCache,
  parseLayer,
} from 'onelook/lab';
import { type Entry, fastest, medianOf, studyLayer } from '../lab/study.ts';
import { sentence } from './messages.ts';
import { LIVE, type State, type Store } from './state.ts';

/** Does the page's work on the device, one thing at a time: a new one ends the one that goes on. */
export class Workbench {
  readonly #store: Store;
  #bench: LayerBench | undefined;
  #stopping = new AbortController();
  #working: Promise<void> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws DeviceUnavailableError */
  async openDevice(): Promise<void> {
    const device = await acquireDevice(navigator.gpu);
    this.#store.update({ device });
    device.device.lost.then(({ message }) => {
      const lost = new DeviceLostError(`The graphics device was lost (${message.split('\n')[0]}): load the page again`);
      this.stop();
      this.#store.update({ device: undefined, error: sentence(lost) });
    });
  }

  /**
   * Lists a network's layers and measures the one that has the most to do.
   * @param source undefined for the network that comes with the package
   */
  loadNetwork(source: ModelSource | undefined, name: string): Promise<void> {
    return this.#work(`Reading ${name} …`, async (device) => {
      const { graph } = await checkModel(source, { identify: true });
      const layers = await networkLayers(graph, device, this.#store.state.precision);
      this.#store.update({ network: { name, layers } });
      const [most] = [...layers].sort((a, b) => b.flopShare - a.flopShare);
      if (most) await this.#open(device, most);
    });
  }

  openLayer(layer: LabLayer): Promise<void> {
    return this.#work('', (device) => this.#open(device, layer));
  }

  /** Opens a layer that a person typed; says what is wrong with it. */
  openText(text: string): Promise<void> {
    return this.#work('', (device) => this.#open(device, labLayer(parseLayer(text))));
  }

  /** Measures the built-in kernels of the layer again. */
  measure(): Promise<void> {
    return this.#work('', () => this.#measure());
  }

  /** Replaces the live kernel by a built-in one, for a person to go on with. */
  begin(name: string): void {
    const bench = this.#bench;
    const candidate = bench?.candidates.find((each) => each.name === name);
    if (!bench || !candidate) return;
    this.#store.update({ text: formatKernel(candidate, bench.layer), begunFrom: name, problems: [] });
  }

  /** Takes the live kernel from a file, and opens the layer that it was written for. */
  async openKernel(text: string): Promise<void> {
    const { layer, network } = this.#store.state;
    const wanted = layerOfText(text);
    if (wanted !== undefined && wanted !== layer?.text) {
      const known = network?.layers.find((each) => each.text === wanted);
      await (known ? this.openLayer(known) : this.openText(wanted));
    }
    this.#store.update({ text, problems: [] });
  }

  /** Compiles, checks and times the live kernel, against the fastest built-in one. */
  tryLive(): Promise<void> {
    return this.#work('Your kernel: compiling …', async () => {
      const bench = this.#bench;
      if (!bench) return;
      const { text, roofline, entries } = this.#store.state;
      const rival = fastest([...entries.values()].filter(({ live }) => !live));
      const candidates = bench.candidates.filter(({ name }) => name === rival?.name);
      const results = await studyLayer(bench, {
        candidates,
        live: { name: LIVE, text },
        roofline,
        rounds: 7,
        signal: this.#stopping.signal,
        onEntry: (entry) => {
          if (!entry.live) return;
          this.#showEntry(entry);
          this.#store.update({ problems: entry.problems, running: 'Your kernel: timing …' });
        },
      });
      const own = results.find(({ live }) => live);
      if (own) this.#remember(own, text, results);
    });
  }

  /** Ends what goes on. */
  stop(): void {
    this.#stopping.abort();
  }

  async #open(device: EngineDevice, layer: LabLayer): Promise<void> {
    const { signal } = this.#stopping;
    this.#bench?.dispose();
    this.#bench = undefined;
    const changes: Partial<State> = { layer, candidates: [], entries: new Map(), problems: [], error: undefined };
    this.#store.update({ ...changes, running: 'Computing what the layer must give …' });
    const roofline = await deviceRoofline(device, new PipelineCache(device.device), layer);
    if (roofline !== this.#store.state.roofline) this.#store.update({ roofline });
    const bench = await LayerBench.create(device, layer, {
      signal,
      onProgress: (done, total) => {
        const share = Math.floor((100 * done) / total);
        this.#store.update({ running: `Computing what the layer must give … ${share} %` });
      },
    });
    this.#bench = bench;
    this.#store.update({ candidates: bench.candidates.map(({ name }) => name) });
    // One dispatch is easier to begin with than several.
    this.begin((bench.candidates.find(({ scratch }) => !scratch) ?? bench.candidates[0]).name);
    await this.#measure();
  }

  async #measure(): Promise<void> {
    const bench = this.#bench;
    if (!bench) return;
    const { roofline } = this.#store.state;
    const results = await studyLayer(bench, {
      candidates: bench.candidates,
      roofline,
      rounds: 7,
      signal: this.#stopping.signal,
      onEntry: (entry) => {
        this.#showEntry(entry);
        this.#store.update({ running: `${entry.name}: ${entry.timing ? 'timing' : 'checking'} …` });
      },
    });
    const best = fastest(results);
    if (!best) return;
    const earlier = new Map(this.#store.state.earlier).set(bench.layer.key, best);
    this.#store.update({ earlier });
  }

  #showEntry(entry: Entry): void {
    this.#store.update({ entries: new Map(this.#store.state.entries).set(entry.name, entry) });
  }

  #remember(entry: Entry, text: string, results: readonly Entry[]): void {
    const { attempts, layer } = this.#store.state;
    const rival = results.find(({ live }) => !live);
    const ratio = entry.timing && rival ? medianOf(rival) / medianOf(entry) : undefined;
    const attempt = { number: attempts.length + 1, key: layer?.key ?? '', text, entry, ratio };
    this.#store.update({ attempts: [...attempts, attempt] });
  }

  async #work(what: string, work: (device: EngineDevice) => Promise<void>): Promise<void> {
    this.stop();
    const stopping = new AbortController();
    this.#stopping = stopping;
    const before = this.#working;
    this.#working = (async () => {
      await before;
      const { device } = this.#store.state;
      if (stopping.signal.aborted || !device) return;
      this.#store.update({ running: what, error: undefined });
      try {
        await work(device);
      } catch (error) {
        // What was ended has nothing to say.
        if (!stopping.signal.aborted) this.#store.update({ error: sentence(error) });
      }
      this.#store.update({ running: undefined });
    })();
    await this.#working;
  }
}

/** How many convolutions of the network are alike; 1 for a layer that was typed. */
export function countOf(layer: LabLayer): number {
  return 'count' in layer ? (layer as NetworkLayer).count : 1;
}
