import { byId } from './elements.ts';
import type { NetworkLoader } from './network.ts';
import { decodePicture, downloadPicture, openCamera, openVideo, type SourceOpener } from './sources.ts';
import type { Store } from './state.ts';

export const EMBEDDED_NETWORK = 'The embedded network';

/** Connects what people click, drop, paste and choose with what happens then. */
export function connectControls(store: Store, networks: NetworkLoader, sources: SourceOpener): void {
  connectNetworks(networks);
  connectSources(store, sources);
  connectThresholds(store);
  const openFiles = (files: Iterable<File>) => {
    for (const file of files) openFile(file, networks, sources);
  };
  connectDropping(openFiles);
  document.addEventListener('paste', (event) => openFiles(event.clipboardData?.files ?? []));
}

function connectNetworks(networks: NetworkLoader): void {
  byId('network-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const url = byId('network-url', HTMLInputElement).value.trim();
    networks.load(new URL(url, document.baseURI), url.slice(url.lastIndexOf('/') + 1));
  });
  onFile('network-file', (file) => networks.load(file, file.name));
  onClick('network-embedded', () => networks.load(undefined, EMBEDDED_NETWORK));
  onClick('loading-cancel', () => networks.cancel());
}

function connectSources(store: Store, sources: SourceOpener): void {
  onFile('media-file', (file) => openMedia(file, sources));
  for (const button of document.querySelectorAll<HTMLElement>('#examples [data-picture]')) {
    button.addEventListener('click', () => sources.open(downloadPicture(button.dataset.picture ?? '')));
  }
  const camera = byId('camera', HTMLButtonElement);
  camera.addEventListener('click', () => {
    if (store.state.source?.kind === 'camera') sources.close();
    else sources.open(openCamera());
  });
  store.watch(['source'], ({ source }) => {
    const isOn = source?.kind === 'camera';
    camera.textContent = isOn ? 'Stop the camera' : 'Camera';
    camera.ariaPressed = String(isOn);
  });
}

function connectThresholds(store: Store): void {
  for (const [id, part] of [
    ['score', 'scoreThreshold'],
    ['iou', 'iouThreshold'],
  ] as const) {
    const slider = byId(id, HTMLInputElement);
    const output = byId(`${id}-value`, HTMLOutputElement);
    slider.addEventListener('input', () => store.update({ [part]: slider.valueAsNumber }));
    store.watch([part], (state) => {
      slider.valueAsNumber = state[part];
      output.value = state[part].toFixed(2);
    });
  }
}

function connectDropping(openFiles: (files: Iterable<File>) => void): void {
  const target = byId('drop-target', HTMLElement);
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    target.hidden = false;
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) target.hidden = true;
  });
  document.addEventListener('drop', (event) => {
    target.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    openFiles(event.dataTransfer?.files ?? []);
  });
}

/** Whatever is neither a picture nor a video is taken for a network, whose loader says what it really is. */
function openFile(file: File, networks: NetworkLoader, sources: SourceOpener): void {
  if (/^(image|video)\//.test(file.type)) openMedia(file, sources);
  else networks.load(file, file.name);
}

function openMedia(file: File, sources: SourceOpener): void {
  sources.open(
    file.type.startsWith('video/') ? openVideo(file) : decodePicture(file, file.name || 'the pasted picture'),
  );
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
