import {
  type CheckResult,
  type ConvolutionCandidate,
  type KernelTiming,
  type LayerBench,
  type PreparedKernel,
  type Roofline,
  type RooflinePoint,
  rooflinePoint,
  type TextProblem,
  type TimingOptions,
  timeTurns,
} from 'onelook/lab';

/** A kernel of a layer and what is known about it so far. */
export interface Entry {
  readonly name: string;
  /** Written by a person, not built in. */
  readonly live: boolean;
  readonly workgroups?: string;
  readonly compileMs?: number;
  readonly check?: CheckResult;
  readonly timing?: KernelTiming;
  readonly point?: RooflinePoint;
  /** Why it could not be compiled, or what the compiler remarks. */
  readonly problems: readonly TextProblem[];
}

export interface LiveText {
  readonly name: string;
  readonly text: string;
}

export interface StudyOptions extends Pick<TimingOptions, 'rounds' | 'busyMs' | 'signal'> {
  readonly candidates: readonly ConvolutionCandidate[];
  readonly live?: LiveText;
  readonly roofline?: Roofline;
  readonly specialize?: boolean;
  /** Called whenever more is known of an entry. */
  readonly onEntry?: (entry: Entry) => void;
}

/**
 * Compiles and checks kernels one by one, then times them turn by turn: those that are wrong too, for they may be on the way
 * to being right. Entries are in the order of the kernels, the live one last.
 */
export async function studyLayer(bench: LayerBench, options: StudyOptions): Promise<Entry[]> {
  const { candidates, live, roofline, specialize, signal, onEntry } = options;
  const entries = new Map<string, Entry>();
  const kernels: PreparedKernel[] = [];
  const update = (entry: Entry) => {
    entries.set(entry.name, entry);
    onEntry?.(entry);
  };
  const add = async (prepared: PreparedKernel, entry: Entry) => {
    kernels.push(prepared);
    const { dispatches, compileMs } = prepared;
    const workgroups = dispatches.map((dispatch) => dispatch.workgroups.join(' × ')).join(', ');
    update({ ...entry, workgroups, compileMs, check: await bench.check(prepared) });
    signal?.throwIfAborted();
  };
  try {
    for (const candidate of candidates) {
      const { name } = candidate;
      await add(await bench.prepare(candidate, { specialize }), { name, live: false, problems: [] });
    }
    if (live) {
      const { prepared, problems } = await bench.prepareText(live.text, live.name);
      const entry = { name: live.name, live: true, problems };
      if (prepared) await add(prepared, entry);
      else update(entry);
    }
    await timeTurns(bench.device, kernels, {
      ...options,
      onTurn: ({ name, bytes }, timing) => {
        const entry = entries.get(name);
        if (entry) update({ ...entry, timing, point: rooflinePoint(bench.layer, timing.medianMs, roofline, bytes) });
      },
    });
    return [...entries.values()];
  } finally {
    for (const kernel of kernels) kernel.dispose();
  }
}

/** The fastest of the kernels that are right. */
export function fastest(entries: readonly Entry[]): Entry | undefined {
  const right = entries.filter(({ check, timing }) => check?.correct && timing);
  return right.reduce<Entry | undefined>((best, entry) => (medianOf(entry) < medianOf(best) ? entry : best), undefined);
}

/** Milliseconds; infinite where it was not timed. */
export function medianOf(entry: Entry | undefined): number {
  return entry?.timing?.medianMs ?? Number.POSITIVE_INFINITY;
}
