import { LAYER_EXAMPLE, type LabLayer, type NetworkLayer, type Roofline, ridgeIntensity } from 'onelook/lab';
import { byId, create } from '../../web/page/elements.ts';
import { figure, percent, withPrefix } from '../lab/figures.ts';
import type { Store } from './state.ts';
import { countOf, type Workbench } from './workbench.ts';

/** The network and its layers, one of which can be chosen, or a layer typed. */
export function showLayers(store: Store, workbench: Workbench): void {
  const list = byId('layers', HTMLElement);
  const shape = byId('shape', HTMLInputElement);
  store.watch(['network'], ({ network }) => {
    byId('network', HTMLElement).textContent = network
      ? `${network.name}: ${network.layers.reduce((sum, { count }) => sum + count, 0)} convolutions, ${network.layers.length} kinds`
      : 'None is loaded.';
    const most = Math.max(0, ...(network?.layers ?? []).map(({ flopShare }) => flopShare));
    list.replaceChildren(
      ...(network?.layers ?? []).map((layer) => layerChoice(layer, most, () => workbench.openLayer(layer))),
    );
  });
  store.watch(['layer', 'network'], ({ layer }) => {
    for (const input of list.querySelectorAll('input')) input.checked = input.value === layer?.key;
  });
  store.watch(['layer', 'roofline'], ({ layer, roofline }) => {
    byId('layer-title', HTMLElement).textContent = layer?.text ?? 'No layer';
    byId('layer-facts', HTMLElement).textContent = layer ? facts(layer, roofline) : '';
  });
  byId('shape-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    workbench.openText(shape.value || LAYER_EXAMPLE);
  });
}

function layerChoice(layer: NetworkLayer, most: number, choose: () => void): HTMLElement {
  const { text, key, count, flopShare } = layer;
  const input = create('input', { type: 'radio', name: 'layer', value: key });
  input.addEventListener('change', choose);
  const bar = create('span', { className: 'bar' });
  bar.style.setProperty('--share', String(flopShare / most));
  return create(
    'label',
    { className: 'layer', title: key },
    input,
    create('span', { className: 'mono' }, text),
    create('span', { className: 'count' }, count > 1 ? `× ${count}` : ''),
    create('span', { className: 'number' }, percent(flopShare)),
    bar,
  );
}

function facts(layer: LabLayer, roofline: Roofline | undefined): string {
  const { flops, bytes, key } = layer;
  const intensity = flops / bytes;
  const count = countOf(layer);
  return [
    `${withPrefix(flops, 'FLOP')}, ${withPrefix(bytes, 'B')} at least: ${figure(intensity)} FLOP/byte`,
    ...(roofline ? [`limited by ${intensity < ridgeIntensity(roofline) ? 'memory' : 'arithmetic'}`] : []),
    ...(count > 1 ? [`${count} times in the network`] : []),
    `key: ${key}`,
  ].join(' · ');
}
