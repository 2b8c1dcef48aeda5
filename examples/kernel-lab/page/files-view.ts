import { byId, create } from '../../web/page/elements.ts';
import { pinsJson } from '../lab/pins.ts';
import { fastest } from '../lab/study.ts';
import { sentence } from './messages.ts';
import type { Store } from './state.ts';
import type { Workbench } from './workbench.ts';

export const EMBEDDED_NETWORK = 'The embedded network';

/** What comes from files and goes into them: networks, kernels, pins. */
export function connectFiles(store: Store, workbench: Workbench): void {
  connectNetworks(store, workbench);
  onFile('open-wgsl', async (file) => workbench.openKernel(await file.text()));
  onClick('save-wgsl', () => download('kernel.wgsl', store.state.text, 'text/plain'));
  connectPins(store);
  const banner = byId('error', HTMLElement);
  store.watch(['error'], ({ error }) => {
    banner.hidden = error === undefined;
    byId('error-text', HTMLElement).textContent = error ?? '';
  });
  onClick('error-dismiss', () => store.update({ error: undefined }));
}

function connectNetworks(store: Store, workbench: Workbench): void {
  let load = () => workbench.loadNetwork(undefined, EMBEDDED_NETWORK);
  onClick('network-embedded', () => {
    load = () => workbench.loadNetwork(undefined, EMBEDDED_NETWORK);
    load();
  });
  onFile('network-file', (file) => {
    load = () => workbench.loadNetwork(file, file.name);
    load();
  });
  const precision = byId('precision', HTMLSelectElement);
  store.watch(['device'], ({ device }) => {
    const [, float16] = precision.options;
    float16.disabled = !device?.features.float16;
    if (float16.disabled) float16.title = 'This device does not store float16';
  });
  precision.addEventListener('change', () => {
    store.update({ precision: precision.value === 'float16' ? 'float16' : 'float32' });
    load();
  });
}

function connectPins(store: Store): void {
  const area = byId('pins', HTMLTextAreaElement);
  store.watch(['pins'], ({ pins }) => {
    area.value = pinsJson(pins).trim();
    const none = Object.keys(pins).length === 0;
    byId('copy-pins', HTMLButtonElement).disabled = none;
    byId('save-pins', HTMLButtonElement).disabled = none;
  });
  const bestOf = () => fastest([...store.state.entries.values()].filter(({ live }) => !live));
  store.watch(['entries'], () => {
    byId('pin-fastest', HTMLButtonElement).disabled = bestOf() === undefined;
  });
  onClick('pin-fastest', () => {
    const { layer, pins } = store.state;
    const best = bestOf();
    if (layer && best) store.update({ pins: { ...pins, [layer.key]: best.name } });
  });
  onClick('save-pins', () => download('kernels.json', pinsJson(store.state.pins), 'application/json'));
  const copy = byId('copy-pins', HTMLButtonElement);
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(pinsJson(store.state.pins));
      copy.textContent = 'Copied';
      setTimeout(() => {
        copy.textContent = 'Copy';
      }, 1500);
    } catch (error) {
      store.update({ error: sentence(error) });
    }
  });
}

function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  create('a', { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

function onClick(id: string, action: () => void): void {
  byId(id, HTMLButtonElement).addEventListener('click', action);
}

function onFile(id: string, action: (file: File) => void): void {
  const input = byId(id, HTMLInputElement);
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    // The same file may be chosen again, after it was changed.
    input.value = '';
    if (file) action(file);
  });
}
