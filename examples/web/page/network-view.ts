import type { LoadProgress } from 'onelook';
import { byId } from './elements.ts';
import type { LoadedNetwork, Store } from './state.ts';

/** Says which network is loaded, and how far the one that is loading has come. */
export function showNetwork(store: Store): void {
  const line = byId('network', HTMLElement);
  store.watch(['network'], ({ network }) => {
    line.textContent = network ? describe(network) : 'None is loaded.';
  });

  const section = byId('loading', HTMLElement);
  const text = byId('loading-text', HTMLElement);
  const bar = byId('loading-bar', HTMLProgressElement);
  store.watch(['loading'], ({ loading }) => {
    section.hidden = !loading;
    if (!loading) return;
    const { name, progress } = loading;
    section.dataset.stage = progress?.stage ?? 'start';
    text.textContent = progress ? `${name}: ${describeProgress(progress)}` : `${name} …`;
    if (progress?.total) {
      bar.max = progress.total;
      bar.value = progress.done;
    } else {
      // Without a value the bar shows that something goes on, not how far it is.
      bar.removeAttribute('value');
    }
  });
}

function describe({ name, detector }: LoadedNetwork): string {
  const { input } = detector.contract;
  const classes = `${detector.labels.length} ${detector.labels.length === 1 ? 'class' : 'classes'}`;
  return `${name}: ${detector.contract.family}, ${input.width} × ${input.height} pixels, ${classes}, ${detector.precision}`;
}

function describeProgress({ stage, done, total }: LoadProgress): string {
  if (stage === 'compile') return `compiling kernels, ${done} of ${total ?? '?'}`;
  if (stage === 'tune') return `timing kernels, layer ${done} of ${total ?? '?'}`;
  return total === undefined ? `reading, ${megabytes(done)}` : `reading, ${megabytes(done)} of ${megabytes(total)}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
