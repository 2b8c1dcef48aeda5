/**
 * Everything for a machine with a GPU, in a few minutes: float32 and float16, batch 1 and 32, against ONNX Runtime and the
 * measured roofline; the detect call; what each optimisation is worth.
 *
 *     node dist/benchmark/gpu.js MODEL.onnx... [--out DIR] [--seconds 480] [--batch 32] [--parts TEXT]
 *                                           [--rival-folder DIR] [--only TEXT]
 *
 * Every network is measured in a process of its own, so that one that fails, hangs or loses the device leaves the others
 * alone. `--parts` keeps the tables whose title contains a text. Writes gpu.json and gpu.md into the folder after every
 * process, so that what is there survives an early end. See README.md for how to get it onto such a machine.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from '../../cli/benchmark/markdown.ts';
import { type DetectorReport, describeNetworks } from './network-report.ts';
import { count, type Failure, readArguments } from './program.ts';

/** A table of the result: one process for each of its jobs. */
interface Part {
  readonly title: string;
  readonly program: 'networks' | 'detect' | 'switches';
  readonly jobs: readonly (readonly string[])[];
}

interface Outcome {
  readonly arguments: readonly string[];
  readonly seconds: number;
  /** What the program wrote as JSON, if it came so far. */
  readonly json?: {
    readonly adapter: { readonly name: string };
    readonly results: readonly unknown[];
    readonly failures: readonly Failure[];
  };
  /** What it printed. */
  readonly text: string;
  readonly failure?: string;
}

/** No job may take longer: something hangs then. */
const JOB_SECONDS = 90;

/** What the turns of a network may take, by and large. */
const TURN_SECONDS = 15;

const { files, values } = readArguments(['out', 'seconds', 'batch', 'parts', 'rival-folder']);
const networks = files.filter((file) => basename(file).includes(values.only ?? ''));
if (networks.length === 0) throw new Error('name at least one network');
const out = values.out ?? '.';
const end = performance.now() + count('seconds', values.seconds ?? '480') * 1e3;
await mkdir(out, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), 'benchmark-'));

const parts = plan().filter(({ title }) => title.includes(values.parts ?? ''));
const outcomes = parts.map((): Outcome[] => []);
for (const [index, { program, jobs }] of parts.entries()) {
  for (const job of jobs) {
    outcomes[index].push(await run(program, job));
    await write();
  }
}
process.exit(outcomes.flat().some(({ failure }) => failure) ? 1 : 0);

function plan(): Part[] {
  const rival = values['rival-folder'] ? ['--rival-folder', values['rival-folder']] : [];
  const batch = count('batch', values.batch ?? '32');
  const compared = (precision: 'float32' | 'float16', images: number, coldStarts: number): Part => {
    const options = ['--precision', precision, '--batch', `${images}`, '--cold-starts', `${coldStarts}`];
    const runs = ['--runs', images === 1 ? '50' : '10', '--seconds', `${TURN_SECONDS}`];
    return {
      title: `${precision}, batch ${images}`,
      program: 'networks',
      jobs: networks.map((file) => [file, ...options, ...runs, ...(precision === 'float16' ? rival : [])]),
    };
  };
  const single = (program: 'detect' | 'switches', precision: string, runs: string): Part => ({
    title: `${program}, ${precision}`,
    program,
    jobs: networks.map((file) => [file, '--precision', precision, '--runs', runs]),
  });
  return [
    compared('float32', 1, 1),
    compared('float16', 1, 0),
    compared('float32', batch, 0),
    compared('float16', batch, 0),
    single('detect', 'float32', '50'),
    single('detect', 'float16', '50'),
    single('switches', 'float16', '10'),
  ];
}

async function run(program: Part['program'], job: readonly string[]): Promise<Outcome> {
  const started = performance.now();
  const left = (end - started) / 1e3;
  if (left < 10) return { arguments: job, seconds: 0, text: '', failure: 'no time was left' };
  const json = join(scratch, 'outcome.json');
  await writeFile(json, '');
  console.error(`${program} ${job.join(' ')}`);
  const { text, failure } = await runProgram(program, [...job, '--json', json], Math.min(left, JOB_SECONDS));
  const written = readFileSync(json, 'utf8');
  const seconds = (performance.now() - started) / 1e3;
  return { arguments: job, seconds, text, failure, ...(written && { json: JSON.parse(written) }) };
}

/** Runs one of the programs beside this one. */
function runProgram(program: string, args: readonly string[], seconds: number) {
  const file = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
  return new Promise<{ text: string; failure?: string }>((resolve) => {
    const child = spawn(process.execPath, [file, ...args], {
      timeout: Math.ceil(seconds * 1e3),
      killSignal: 'SIGKILL',
    });
    const said = { text: '', complaints: '' };
    child.stdout.on('data', (text) => {
      said.text += text;
    });
    child.stderr.on('data', (text) => {
      said.complaints += text;
    });
    child.once('error', (error) => resolve({ text: said.text, failure: error.message }));
    child.once('close', (code, signal) => {
      const { text, complaints } = said;
      if (code === 0) return resolve({ text });
      const how = signal ? `ended with ${signal} after at most ${seconds.toFixed(0)} s` : `ended with ${code}`;
      resolve({ text, failure: [how, ...lastWords(complaints)].join('; ') });
    });
  });
}

/** Without what Dawn warns of on every start. */
function lastWords(complaints: string): string[] {
  const lines = complaints.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Warning: '));
  return lines.slice(-3);
}

async function write(): Promise<void> {
  const all = parts.map((part, index) => ({ title: part.title, program: part.program, outcomes: outcomes[index] }));
  const adapter = all.flatMap((part) => part.outcomes).find(({ json }) => json)?.json?.adapter;
  await writeFile(join(out, 'gpu.json'), `${JSON.stringify({ adapter, parts: all }, null, 1)}\n`);
  const sections = all.filter((part) => part.outcomes.length > 0).map(describePart);
  await writeFile(join(out, 'gpu.md'), `# ${adapter?.name ?? 'No adapter'}\n\n${sections.join('\n\n')}\n`);
}

function describePart({ title, program, outcomes }: { title: string; program: string; outcomes: readonly Outcome[] }) {
  const failures = outcomes.flatMap(({ arguments: [file], failure, json }) => {
    const known = json?.failures.map(({ reason }) => reason) ?? [];
    const reasons = known.length > 0 || failure === undefined ? known : [failure];
    return reasons.map((reason) => `${basename(file)} failed: ${reason}`);
  });
  return [`## ${title}`, ...(program === 'networks' ? compareAll(outcomes) : texts(outcomes)), ...failures].join(
    '\n\n',
  );
}

function compareAll(outcomes: readonly Outcome[]): string[] {
  const reports = outcomes.flatMap(({ json }) => (json?.results ?? []) as readonly DetectorReport[]);
  const { tables, remarks } = describeNetworks(reports);
  return [...tables.map(markdownTable), ...remarks];
}

function texts(outcomes: readonly Outcome[]): string[] {
  return outcomes.filter(({ failure }) => !failure).map(({ text }) => text.trim());
}
