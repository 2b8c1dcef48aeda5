/**
 * What each optimisation is worth: the forward pass with all of them against that with one switched off, turn by turn.
 *
 *     node examples/benchmark/run.mjs switches MODEL.onnx... [--switch NAME]
 *
 * and the options of every program here, see README.md. The switches are the graph passes that can be left out and those of
 * the planner; a pass that has nothing to do in a network is not timed there. Without shared pipelines, llvmpipe has more
 * code than it keeps: it compiles again in each run, and a run takes minutes.
 */
import { basename } from 'node:path';
import { makeInputs } from '../../cli/benchmark/inputs.ts';
import { type Comparison, compare } from '../../cli/benchmark/samples.ts';
import { takeTurns } from '../../cli/benchmark/turns.ts';
import { passes } from '../../engine/passes/pipeline.ts';
import { PLAN_SWITCHES } from '../../engine/plan/options.ts';
import { type LoadedModel, loadModel } from '../../node.ts';
import { finishProgram, measureEach, startProgram } from './program.ts';

/** Of the forward pass without the optimisation over that with it. */
interface Worth extends Comparison {
  readonly dispatches: number;
  readonly loadRatio: number;
  readonly activationsRatio: number;
}

type Cell = Worth | { readonly nothingToDo: true } | { readonly failure: string };

const program = await startProgram(['switch']);
const { device, precision, turns, own } = program;
const optional = passes.filter(({ required }) => !required).map(({ name }) => name);
const switches = [...optional, ...PLAN_SWITCHES].filter((name) => name.includes(own.switch ?? ''));
const { results, failures } = await measureEach(program.files, measure);
await finishProgram(program, {
  name: 'switches',
  title: `The forward pass without an optimisation, over that with all of them, ${precision}`,
  tables: [
    [
      ['without', ...results.map(({ network }) => network)],
      ...switches.map((name) => [name, ...results.map(({ cells }) => describe(cells[name]))]),
    ],
  ],
  remarks: [
    'In brackets the spread over the turns, and what else changes by more than a tenth. A dash: nothing to do there.',
  ],
  failures,
  results,
});

async function measure(file: string) {
  const { model: whole, loadMs } = await load(file, []);
  try {
    const cells: Record<string, Cell> = {};
    for (const name of switches) {
      const pass = whole.passes.find((report) => report.pass === name);
      const idle = pass !== undefined && pass.notes.length === 0;
      cells[name] = idle
        ? { nothingToDo: true }
        : await worth(file, name, whole, loadMs).catch((error: unknown) => ({ failure: String(error) }));
    }
    return { network: basename(file), dispatches: whole.plan.steps.length, cells };
  } finally {
    whole.dispose();
  }
}

async function worth(file: string, name: string, whole: LoadedModel, loadMs: number): Promise<Worth> {
  const without = await load(file, [name]);
  try {
    const inputs = makeInputs(whole.inputs);
    const contenders = [whole, without.model].map((model) => () => model.run(inputs));
    const [all, less] = await takeTurns(contenders, turns);
    return {
      ...compare(all, less),
      dispatches: without.model.plan.steps.length - whole.plan.steps.length,
      loadRatio: without.loadMs / loadMs,
      activationsRatio: without.model.plan.memory.activations / whole.plan.memory.activations,
    };
  } finally {
    without.model.dispose();
  }
}

async function load(file: string, disable: readonly string[]) {
  const started = performance.now();
  const model = await loadModel(file, { device, precision, disable });
  return { model, loadMs: performance.now() - started };
}

function describe(cell: Cell): string {
  if ('nothingToDo' in cell) return '-';
  if ('failure' in cell) return `fails: ${cell.failure}`;
  const { ratio, ratioSpread, dispatches, loadRatio, activationsRatio } = cell;
  const notable = (value: number) => value > 1.1 || value < 0.9;
  const notes = [
    ratioSpread.map((value) => value.toFixed(2)).join(' to '),
    ...(dispatches === 0 ? [] : [`${dispatches > 0 ? '+' : ''}${dispatches} dispatches`]),
    ...(notable(activationsRatio) ? [`activations x${activationsRatio.toFixed(1)}`] : []),
    ...(notable(loadRatio) ? [`loading x${loadRatio.toFixed(1)}`] : []),
  ];
  return `${ratio.toFixed(2)} (${notes.join('; ')})`;
}
