import type { Graph, Shape, Value } from '../../engine/graph/types.ts';
import { runPasses } from '../../engine/passes/pipeline.ts';
import type { EngineDevice } from '../../engine/runtime/device.ts';
import { Network } from '../../engine/runtime/network.ts';
import type { RawTensor } from '../../engine/runtime/tensor.ts';
import { parseModel } from '../../loader/load.ts';
import { buildModel } from '../../models/model.ts';

/** What one operator of the optimised graph computed. */
export interface TracedValue {
  readonly node: string;
  readonly operator: string;
  readonly shape: Shape;
  /** Of the bytes. */
  readonly hash: string;
}

/** How many values are kept at a time: each needs memory of its own. */
const VALUES_AT_ONCE = 32;

/**
 * Runs a detector in float32 and keeps what every operator computes. Works in a page and in Node.
 * @param levels repeated over the network's input, divided by 255
 * @param nodes so many from the beginning
 */
export async function traceNetwork(
  model: Uint8Array,
  name: string,
  levels: Uint8Array,
  device: EngineDevice,
  nodes = Number.POSITIVE_INFINITY,
): Promise<TracedValue[]> {
  const built = await buildModel(await parseModel(model, name));
  const { graph } = runPasses(built.graph);
  const inputs = Object.fromEntries(graph.inputs.map((input) => [input.name, inputTensor(input, levels)]));
  const traced: TracedValue[] = [];
  for (let start = 0; start < Math.min(nodes, graph.nodes.length); start += VALUES_AT_ONCE) {
    const end = Math.min(nodes, start + VALUES_AT_ONCE);
    traced.push(...(await tracePart(graph, start, end, inputs, device)));
  }
  return traced;
}

/** The first value that isn't the same in both, or undefined where there is none. */
export function firstDifference(one: readonly TracedValue[], other: readonly TracedValue[]): TracedValue | undefined {
  return one.find((value, index) => JSON.stringify(value) !== JSON.stringify(other[index]));
}

async function tracePart(
  graph: Graph,
  start: number,
  end: number,
  inputs: Readonly<Record<string, RawTensor>>,
  device: EngineDevice,
): Promise<TracedValue[]> {
  const part = graph.nodes.slice(start, end);
  const outputs = part.flatMap((node) => node.outputs);
  const network = await Network.create({ ...graph, nodes: graph.nodes.slice(0, end), outputs }, device, {
    precision: 'float32',
  });
  try {
    const results = await network.run(inputs);
    return part.flatMap(({ name, op, outputs }) =>
      outputs.map((output) => ({
        node: name,
        operator: op.type,
        shape: output.shape,
        hash: hashOf(results[output.name].data),
      })),
    );
  } finally {
    network.dispose();
  }
}

function inputTensor({ shape }: Value, levels: Uint8Array): RawTensor {
  const data = Float32Array.from(
    { length: shape.reduce((product, size) => product * size, 1) },
    (_, index) => levels[index % levels.length] / 255,
  );
  return { type: 'float32', dims: shape, data };
}

/** FNV-1a of 32 bits. */
function hashOf({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}
