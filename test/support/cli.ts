import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  /** Without what Dawn and the Vulkan loader print themselves, past Node. */
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs the built command as a process of its own, built anew first where the sources are newer. */
export async function onelook(args: readonly string[], { env, cwd }: CliOptions = {}): Promise<Outcome> {
  built ??= buildWhereStale();
  await built;
  const outcome = await runNode([CLI, ...args], { env: { ...process.env, ...env }, cwd });
  return { ...outcome, stderr: withoutDriverMessages(outcome.stderr) };
}

/** An empty folder that is gone after the test file; to be called outside of tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'onelook-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const CLI = fromRoot('dist/cli.js');
const SOURCES = ['cli', 'engine', 'loader', 'models', 'shaders', 'index.ts', 'node.ts', 'scripts/build.mjs'];
let built: Promise<void> | undefined;

async function buildWhereStale(): Promise<void> {
  const newest = Math.max(...SOURCES.map((path) => newestChange(fromRoot(path))));
  if (existsSync(CLI) && statSync(CLI).mtimeMs >= newest) return;
  const { status, stderr } = await runNode([fromRoot('scripts/build.mjs')]);
  if (status !== 0) throw new Error(`the build failed: ${stderr}`);
}

/** Of a file, or of every file in a folder; milliseconds. */
function newestChange(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(...readdirSync(path).map((name) => newestChange(join(path, name))));
}

/** Runs Node with these arguments. */
export function runNode(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: 110_000, maxBuffer: 1 << 26 };
    execFile(process.execPath, args, { ...options, ...limits }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') {
        reject(new Error(`onelook ${args.slice(1).join(' ')} ended with ${error.signal}: ${stderr}`, { cause: error }));
      } else resolve({ status: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

function withoutDriverMessages(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^Warning: |^ {4}at CheckVkSuccess/.test(line))
    .join('\n')
    .replace(/^\n+/, '');
}
