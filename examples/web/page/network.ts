import { AbortError, acquireDevice, Detector, DeviceLostError, type EngineDevice, type ModelSource } from 'onelook';
import { sentence } from './messages.ts';
import type { Store } from './state.ts';

/** Loads networks, one at a time: a new one cancels the one that is loading, and replaces the loaded one when it is ready. */
export class NetworkLoader {
  readonly #store: Store;
  #loading: AbortController | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @param source undefined for the network that comes with the package */
  async load(source: ModelSource | undefined, name: string): Promise<void> {
    this.cancel();
    const loading = new AbortController();
    const { signal } = loading;
    this.#loading = loading;
    const store = this.#store;
    store.update({ loading: { name }, error: undefined });
    try {
      const device = await this.openDevice();
      const detector = await Detector.load(source, {
        device,
        timestamps: device.features.timestamps,
        signal,
        onProgress: (progress) => {
          if (!signal.aborted) store.update({ loading: { name, progress } });
        },
      });
      if (signal.aborted) return detector.dispose();
      store.state.network?.detector.dispose();
      const { scoreThreshold, iouThreshold } = detector.contract.defaults;
      store.update({ network: { name, detector }, scoreThreshold, iouThreshold });
    } catch (error) {
      if (!(error instanceof AbortError)) store.update({ error: sentence(error) });
    } finally {
      if (this.#loading === loading) this.#stop();
    }
  }

  cancel(): void {
    this.#loading?.abort();
    this.#stop();
  }

  /**
   * The page's device, which outlives the networks that it runs.
   * @throws DeviceUnavailableError
   */
  async openDevice(): Promise<EngineDevice> {
    const store = this.#store;
    if (store.state.device) return store.state.device;
    const device = await acquireDevice(navigator.gpu);
    store.update({ device });
    device.device.lost.then(({ message }) => {
      const lost = new DeviceLostError(
        `The graphics device was lost (${message.split('\n')[0]}): load the network again`,
      );
      store.update({ device: undefined, network: undefined, error: sentence(lost) });
    });
    return device;
  }

  #stop(): void {
    this.#loading = undefined;
    this.#store.update({ loading: undefined });
  }
}
