import { describe, expect, it } from 'vitest';
import { labLayer, networkLayers } from '../../../engine/lab/layer.ts';
import { parseLayer } from '../../../engine/lab/layer-text.ts';
import { checkModel, loadModel } from '../../../node.ts';
import { testDevice } from '../../support/device.ts';

describe('the layers of a network', () => {
  it('are its convolutions, those of one key once', async () => {
    const device = await testDevice();
    const { graph } = await checkModel(undefined, { identify: true });
    const layers = await networkLayers(graph, device, 'float32');
    const convolutions = graph.nodes.filter(({ op }) => op.type === 'conv2d' || op.type === 'convTranspose2d');
    expect(layers.reduce((sum, { count }) => sum + count, 0)).toBe(convolutions.length);
    expect(new Set(layers.map(({ key }) => key)).size).toBe(layers.length);
    expect(layers.reduce((sum, { flopShare }) => sum + flopShare, 0)).toBeCloseTo(1, 10);
    // Their texts say all that their keys do.
    for (const { text, key } of layers) expect(labLayer(parseLayer(text)).key, text).toBe(key);
  });

  it('have keys by which kernels are pinned', async () => {
    const device = await testDevice();
    const { graph } = await checkModel(undefined, { identify: true });
    const [{ key }] = await networkLayers(graph, device, 'float32');
    const options = { identify: true, device, precision: 'float32', kernels: { pins: { [key]: 'general' } } } as const;
    const model = await loadModel(undefined, options);
    const [pinned, other] = model.plan.layers;
    expect(pinned).toMatchObject({ key, chosen: 'general' });
    expect(other.chosen).not.toBe('general');
    model.dispose();
  });
});
