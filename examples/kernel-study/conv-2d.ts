/**
 * Times every convolution kernel on the layers of real networks:
 *
 *     node examples/kernel-study/run.mjs MODEL.onnx [--size N] [--layers TEXT] [--only TEXT] [--repeats N] [--specialize]
 *         [--hardware]
 *
 * For each distinct layer and candidate: the time of the first run, which on most drivers includes compiling the pipeline;
 * the best time of the following ones; and FLOP/s. On a software adapter a run competes with whatever else the processor
 * does, waiting for it included; there (on Linux) the columns "busy" have the time that threads other than this script's
 * ran, on all cores together, which is steadier than the clock. A driver's cache of compiled shaders hides the first run's
 * cost: MESA_SHADER_CACHE_DISABLE=true switches Mesa's off.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Conv2d } from '../../engine/graph/ops/conv-2d.ts';
import { definitionOf } from '../../engine/graph/registry.ts';
import type { Node, Shape } from '../../engine/graph/types.ts';
import { runPasses } from '../../engine/passes/pipeline.ts';
import { asFeatureMap, freshElements, packedView } from '../../engine/plan/views.ts';
import { type BufferSlice, encodeDispatches, PipelineCache, prepareDispatches } from '../../engine/runtime/dispatch.ts';
import { requestNodeDevice } from '../../engine/runtime/node-device.ts';
import { loadKernelProfile } from '../../engine/runtime/session.ts';
import { BufferUsage } from '../../engine/runtime/webgpu-flags.ts';
import { parseModel } from '../../loader/load.ts';
import { buildGraph } from '../../models/model.ts';
import { conv2dCandidates } from '../../shaders/conv-2d.ts';
import type { ConvolutionCandidate, ConvolutionSpec } from '../../shaders/conv-candidate.ts';
import { packedWeightSize } from '../../shaders/conv-weights.ts';
import type { FeatureMap } from '../../shaders/kernel.ts';

/** Layers of the same shape and epilogue. */
interface DistinctLayer {
  readonly title: string;
  readonly spec: ConvolutionSpec;
  readonly groupChannels: number;
  readonly flops: number;
  count: number;
}

interface Timing {
  readonly firstMs: number;
  readonly firstBusyMs: number;
  readonly bestMs: number;
  readonly busyMs: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string' },
    only: { type: 'string', default: '' },
    layers: { type: 'string', default: '' },
    repeats: { type: 'string', default: '5' },
    specialize: { type: 'boolean', default: false },
    hardware: { type: 'boolean', default: false },
  },
});

const engineDevice = await requestNodeDevice();
const { device, adapter } = engineDevice;
// Kernels for graphics cards run on a processor too, slowly.
const asked = values.hardware ? { ...engineDevice, adapter: { ...adapter, software: false } } : engineDevice;
const kernelDevice = await loadKernelProfile(asked);
console.log(`${adapter.name}, subgroups from ${kernelDevice.smallestSubgroup} invocations`);
for (const path of positionals) await study(path);
device.destroy();

async function study(path: string): Promise<void> {
  const totals = new Map<string, number>();
  const layers = await distinctLayers(path);
  console.log(`\n${path}: ${layers.length} distinct convolutions`);
  for (const layer of layers) {
    if (!layer.title.includes(values.layers)) continue;
    console.log(`${layer.title}  x${layer.count}  ${(layer.flops / 1e6).toFixed(1)} MFLOP`);
    for (const [index, candidate] of conv2dCandidates(layer.spec, kernelDevice).entries()) {
      if (!candidate.name.includes(values.only)) continue;
      const { firstMs, firstBusyMs, bestMs, busyMs } = await time(layer, candidate);
      const rate = (ms: number) => (layer.flops / ms / 1e6).toFixed(1).padStart(7);
      const columns = [
        candidate.name.padEnd(32),
        `first ${firstMs.toFixed(0).padStart(5)} ms, busy ${firstBusyMs.toFixed(0).padStart(5)}`,
        `best ${bestMs.toFixed(2).padStart(8)} ms ${rate(bestMs)} GFLOP/s`,
        `busy ${busyMs.toFixed(2).padStart(8)} ms ${rate(busyMs)} GFLOP/s`,
      ];
      console.log(`    ${columns.join('  ')}`);
      const names = index === 0 ? [candidate.name, 'chosen'] : [candidate.name];
      for (const name of names) totals.set(name, (totals.get(name) ?? 0) + layer.count * bestMs);
    }
  }
  console.log('all layers, ms (a candidate that does not support all of them has less to do):');
  for (const [name, ms] of totals) console.log(`    ${name.padEnd(32)} ${ms.toFixed(1)}`);
}

async function distinctLayers(path: string): Promise<DistinctLayer[]> {
  const file = await parseModel(readFileSync(path), path);
  const size = values.size ? Number(values.size) : undefined;
  const inputs = file.graph?.inputs.map(({ name }) => name) ?? [];
  const shapes = size ? Object.fromEntries(inputs.map((name) => [name, [1, 3, size, size]])) : {};
  const { graph } = runPasses(await buildGraph(file, { inputShapes: shapes }));
  const layers = new Map<string, DistinctLayer>();
  for (const node of graph.nodes) {
    if (node.op.type !== 'conv2d') continue;
    const layer = layerOf(node as Node<Conv2d>);
    const known = layers.get(layer.title);
    if (known) known.count++;
    else layers.set(layer.title, layer);
  }
  return [...layers.values()];
}

function layerOf({ op, inputs, outputs }: Node<Conv2d>): DistinctLayer {
  const [x, weight, , residual] = inputs;
  const [output] = outputs;
  const [outChannels, groupChannels, ...kernel] = weight.shape;
  const { strides, dilations, groups } = op;
  const title = [
    `${x.shape.slice(1).join('x')} -> ${outChannels}`,
    `${kernel.join('x')} stride ${strides[0]}`,
    ...(dilations[0] > 1 ? [`dilation ${dilations[0]}`] : []),
    ...(groups > 1 ? [`groups ${groups}`] : []),
    ...op.epilogue.map(({ name }) => name),
  ].join('  ');
  const spec: ConvolutionSpec = {
    ...op,
    kernel: [kernel[0], kernel[1]],
    weightElement: 'f32',
    input: mapOf(x.shape),
    output: mapOf(output.shape),
    ...(residual ? { residual: mapOf(residual.shape) } : {}),
  };
  return { title, spec, groupChannels, flops: definitionOf(op).cost(op, inputs, outputs).flops, count: 1 };
}

function mapOf(shape: Shape): FeatureMap {
  const map = asFeatureMap(packedView(shape, 'f32'));
  if (!map) throw new Error(`[${shape}] is no feature map`);
  return map;
}

async function time({ spec, groupChannels }: DistinctLayer, candidate: ConvolutionCandidate): Promise<Timing> {
  const shape = { outChannels: spec.output.channels, groupChannels, kernel: spec.kernel };
  const sizes = new Map([
    ['input', elementsOf(spec.input)],
    ['weights', packedWeightSize(candidate.weights, shape)],
    ['bias', Math.ceil(spec.output.channels / 4) * 4],
    ...(spec.residual ? [['residual', elementsOf(spec.residual)] as const] : []),
    ['output', elementsOf(spec.output)],
    ...(candidate.scratch ?? []).map(({ name, elements }) => [name, elements] as const),
  ]);
  const buffers = new Map([...sizes].map(([name, elements]) => [name, filledBuffer(elements)]));
  const slice = (name: string): BufferSlice => {
    const buffer = buffers.get(name);
    if (!buffer) throw new Error(`${candidate.name} has no tensor ${name}`);
    return { buffer, offset: 0, size: buffer.size };
  };
  const requests = candidate
    .build()
    .map((kernel) => ({ kernel, buffers: kernel.bindings.map(({ name }) => slice(name)) }));
  const cache = new PipelineCache(device);
  const { dispatches } = await prepareDispatches(cache, requests, { specialize: values.specialize });
  const run = async () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encodeDispatches(pass, dispatches);
    pass.end();
    const started = performance.now();
    const busy = threadsBusyMs();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return { ms: performance.now() - started, busyMs: threadsBusyMs() - busy };
  };
  const first = await run();
  const others = [];
  for (let i = 0; i < Number(values.repeats); i++) others.push(await run());
  for (const buffer of buffers.values()) buffer.destroy();
  return {
    firstMs: first.ms,
    firstBusyMs: first.busyMs,
    bestMs: Math.min(...others.map(({ ms }) => ms)),
    busyMs: Math.min(...others.map((run) => run.busyMs)),
  };
}

function elementsOf({ batch, channels, height, width }: FeatureMap): number {
  return freshElements('packed', [batch, channels, height, width]);
}

/** Numbers of ordinary size: zeros and denormals would take another time on some processors. */
function filledBuffer(elements: number): GPUBuffer {
  const data = Float32Array.from({ length: elements }, (_, i) => ((i * 0.618034) % 1) - 0.5);
  const usage = BufferUsage.storage | BufferUsage.copyDestination;
  const buffer = device.createBuffer({ size: data.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

/** Time that the other threads of this process have run so far; the script's own thread polls while it waits. */
function threadsBusyMs(): number {
  const tasks = '/proc/self/task';
  if (!existsSync(tasks)) return Number.NaN;
  const nanoseconds = readdirSync(tasks)
    .filter((thread) => Number(thread) !== process.pid)
    .map((thread) => `${tasks}/${thread}/schedstat`)
    .filter((file) => existsSync(file))
    .map((file) => Number(readFileSync(file, 'utf8').split(' ')[0]));
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}
