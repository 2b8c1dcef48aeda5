import type { KernelProfile, LoadedModel } from '../../node.ts';

/** One dispatch. */
export interface LayerReport {
  readonly node: string;
  readonly kernel: string;
  /** What goes in and what comes out, channels first: '16x320x320 -> 32x160x160'. Empty where no node has the name. */
  readonly shape: string;
  /** GPU time, in a pass of its own. */
  readonly microseconds: number;
  readonly gflopsPerSecond: number;
  readonly gigabytesPerSecond: number;
  /** 0..1. */
  readonly rooflineShare: number;
}

/** What a network takes beyond what the device could do it in. */
export interface Gap {
  readonly microseconds: number;
  /** Of the time that all dispatches take. */
  readonly share: number;
  readonly largest: GapShare;
}

/** The dispatches of one kernel on one shape. */
export interface GapShare {
  readonly kernel: string;
  readonly shape: string;
  readonly nodes: readonly string[];
  readonly microseconds: number;
  /** Of the gap. */
  readonly share: number;
}

export function describeLayers(profile: readonly KernelProfile[], graph: LoadedModel['graph']): LayerReport[] {
  const shapes = new Map(graph.nodes.map(({ name, inputs, outputs }) => [name, flow(inputs[0], outputs[0])]));
  return profile.map(({ node, kernel, microseconds, flops, bytes, rooflineShare }) => ({
    node,
    kernel,
    shape: shapes.get(node) ?? '',
    microseconds,
    gflopsPerSecond: perSecond(flops, microseconds),
    gigabytesPerSecond: perSecond(bytes, microseconds),
    rooflineShare,
  }));
}

interface Shaped {
  readonly shape: readonly number[];
}

function flow(input: Shaped | undefined, output: Shaped): string {
  const size = ({ shape }: Shaped) => (shape.length > 1 && shape[0] === 1 ? shape.slice(1) : shape).join('x');
  return input ? `${size(input)} -> ${size(output)}` : size(output);
}

/** Billions. */
function perSecond(count: number, microseconds: number): number {
  return microseconds > 0 ? count / microseconds / 1e3 : 0;
}

/** Sums what each kernel on each shape takes beyond its roofline. */
export function findGap(layers: readonly LayerReport[]): Gap {
  const lost = ({ microseconds, rooflineShare }: LayerReport) => microseconds * (1 - rooflineShare);
  const total = layers.reduce((sum, { microseconds }) => sum + microseconds, 0);
  const gap = layers.reduce((sum, layer) => sum + lost(layer), 0);
  const groups = new Map<string, LayerReport[]>();
  for (const layer of layers) {
    const key = `${layer.kernel}\n${layer.shape}`;
    groups.set(key, [...(groups.get(key) ?? []), layer]);
  }
  const shares = [...groups.values()].map((group): GapShare => {
    const microseconds = group.reduce((sum, layer) => sum + lost(layer), 0);
    const [{ kernel, shape }] = group;
    return {
      kernel,
      shape,
      nodes: group.map(({ node }) => node),
      microseconds,
      share: gap > 0 ? microseconds / gap : 0,
    };
  });
  const largest = shares.reduce((most, share) => (share.microseconds > most.microseconds ? share : most));
  return { microseconds: gap, share: total > 0 ? gap / total : 0, largest };
}

export function describeGap({ microseconds, share, largest }: Gap): string {
  const times = largest.nodes.length === 1 ? '' : `${largest.nodes.length} times `;
  const where = [`${times}${largest.kernel}`, ...(largest.shape ? [`on ${largest.shape}`] : [])].join(' ');
  return (
    `${(microseconds / 1e3).toFixed(2)} ms (${percent(share)} of the kernels' time) above the roofline; ` +
    `the largest share, ${percent(largest.share)}, is ${where}`
  );
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
