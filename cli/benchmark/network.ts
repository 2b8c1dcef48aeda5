import { basename } from 'node:path';
import {
  type AdapterReport,
  type EngineDevice,
  type KernelProfile,
  type LoadedModel,
  type LoadProgress,
  loadModel,
  type Precision,
  type RunStages,
} from '../../node.ts';
import { readBytes } from '../support/files.ts';
import { createRival, type Rival } from '../support/rival.ts';
import { coldStart } from './cold-start.ts';
import { makeInputs } from './inputs.ts';
import { describeLayers, findGap, type Gap, type LayerReport } from './layers.ts';
import { compare, quantile, summarize, type Times } from './samples.ts';
import { takeTurns } from './turns.ts';

export interface BenchmarkOptions {
  readonly device?: EngineDevice;
  /** The name by which a cold start finds the adapter of `device`. */
  readonly adapter?: string;
  readonly weights?: string;
  readonly precision?: Precision;
  readonly inputSize?: number;
  /** Images per run. */
  readonly batch?: number;
  /** Timed runs. */
  readonly runs: number;
  /** See `TurnOptions`. */
  readonly atMostMs?: number;
  /** Starts in fresh processes; 0 leaves them out. */
  readonly coldStarts: number;
  /** Whether ONNX Runtime takes turns with us. */
  readonly compare: boolean;
  /** What ONNX Runtime runs instead of the file: the same network in float16, say, as it can't convert one itself. */
  readonly rivalFile?: string;
  /** Whether every dispatch is timed and held against the roofline. */
  readonly layers: boolean;
  readonly onLoad?: (progress: LoadProgress) => void;
  readonly onRun?: (done: number, total: number) => void;
}

export interface EngineTimes extends Times {
  /** From the file's bytes to the first outputs, in a fresh process: see `coldStart`. The median of the starts. */
  readonly firstMs?: number;
}

export interface RivalTimes extends EngineTimes {
  /** Where it ran another file than we did. */
  readonly file?: string;
  /** See `Rival.imagesPerCall`. */
  readonly imagesPerCall: number;
}

/** Times of runs with tensors in and out. */
export interface NetworkReport {
  readonly network: string;
  readonly precision: string;
  readonly adapter: AdapterReport;
  /** Images per run. */
  readonly batch: number;
  readonly dispatches: number;
  /** Multiply and add count as two. */
  readonly flops: number;
  /** What the plan takes of the GPU's memory, and the least that any plan could. */
  readonly memory: LoadedModel['plan']['memory'];
  readonly ours: EngineTimes;
  readonly stages: RunStages;
  readonly rival?: RivalTimes;
  /** Rival over ours. */
  readonly ratio?: number;
  readonly ratioSpread?: readonly [low: number, high: number];
  readonly firstRatio?: number;
  readonly roofline?: KernelProfile['roofline'];
  /** FLOPs over the GPU's time, over what the roofline's multiply-adds reach. */
  readonly arithmeticShare?: number;
  readonly gap?: Gap;
  readonly layers?: readonly LayerReport[];
}

/** Loads a network and times it, alone or in turns with ONNX Runtime. */
export async function benchmarkNetwork(file: string, options: BenchmarkOptions): Promise<NetworkReport> {
  const bytes = await readBytes(file);
  // The name goes with the bytes, for messages.
  const model = await loadModel(new File([bytes], file), {
    device: options.device,
    weights: options.weights,
    precision: options.precision,
    inputSize: options.inputSize,
    batch: options.batch,
    onProgress: options.onLoad,
  });
  try {
    const inputs = makeInputs(model.inputs);
    const { rivalFile } = options;
    const rivalBytes = rivalFile === undefined ? bytes : await readBytes(rivalFile);
    const rival = options.compare ? await createRival(rivalBytes, model.inputs, inputs) : undefined;
    const timed = await timeRuns(model, inputs, rival, options).finally(() => rival?.release());
    const stages = await model.stages(inputs);
    const profile = options.layers ? await model.profile(inputs) : undefined;
    const started = await timeColdStarts(file, model, options);
    const flops = model.plan.steps.reduce((total, step) => total + step.flops, 0);
    return {
      network: basename(file),
      precision: model.precision,
      adapter: model.adapter,
      batch: model.inputs[0]?.dims[0] ?? 1,
      dispatches: model.plan.steps.length,
      flops,
      memory: model.plan.memory,
      ours: { firstMs: started.ours, ...timed.ours },
      stages,
      ...(timed.rival && { rival: { file: rivalFile, firstMs: started.rival, ...timed.rival }, ...timed.comparison }),
      ...(started.ours && started.rival && { firstRatio: started.rival / started.ours }),
      ...(profile && rooflineReport(profile, model, flops, stages)),
    };
  } finally {
    model.dispose();
  }
}

async function timeRuns(
  model: LoadedModel,
  inputs: ReturnType<typeof makeInputs>,
  rival: Rival | undefined,
  { runs, atMostMs, onRun }: BenchmarkOptions,
) {
  const contenders = [() => model.run(inputs), ...(rival ? [() => rival.run()] : [])];
  const [ours, theirs] = await takeTurns(contenders, { turns: runs, atMostMs, onTurn: onRun });
  return {
    ours: summarize(ours),
    ...(rival && {
      rival: { ...summarize(theirs), imagesPerCall: rival.imagesPerCall },
      comparison: compare(ours, theirs),
    }),
  };
}

async function timeColdStarts(
  file: string,
  { inputs, precision }: LoadedModel,
  { adapter, weights, inputSize, batch, compare: withRival, rivalFile = file, coldStarts }: BenchmarkOptions,
): Promise<{ ours?: number; rival?: number }> {
  if (coldStarts === 0) return {};
  const job = { weights, precision, inputSize, batch, adapter, inputs };
  const engines = [
    () => coldStart({ ...job, engine: 'model', file }),
    ...(withRival ? [() => coldStart({ ...job, engine: 'onnxruntime', file: rivalFile })] : []),
  ];
  const times = engines.map((): number[] => []);
  for (let run = 0; run < coldStarts; run++) {
    for (const [index, engine] of engines.entries()) times[index].push(await engine());
  }
  const [ours, rival] = times.map((samples) => quantile(samples, 0.5));
  return { ours, rival };
}

function rooflineReport(
  profile: readonly KernelProfile[],
  { graph }: LoadedModel,
  flops: number,
  { gpuMs }: RunStages,
) {
  const layers = describeLayers(profile, graph);
  const roofline = strictest(profile);
  const arithmeticShare = gpuMs ? flops / (gpuMs / 1e3) / roofline.flopsPerSecond : undefined;
  return { roofline, arithmeticShare, gap: findGap(layers), layers };
}

/** Kernels in float16 have a higher roofline than those in float32. */
function strictest(profile: readonly KernelProfile[]): KernelProfile['roofline'] {
  return profile.map(({ roofline }) => roofline).reduce((a, b) => (b.flopsPerSecond > a.flopsPerSecond ? b : a));
}
