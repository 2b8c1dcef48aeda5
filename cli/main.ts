#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { adaptersCommand } from './commands/adapters.ts';
import { benchCommand } from './commands/bench.ts';
import { checkCommand } from './commands/check.ts';
import { detectCommand } from './commands/detect.ts';
import { evalCommand } from './commands/eval.ts';
import { inspectCommand } from './commands/inspect.ts';
import { laterCommands } from './commands/later.ts';
import { runCommand } from './commands/run.ts';
import { describeFailure, oneLine } from './support/failure.ts';
import { checkJsonDestination, type JsonOption } from './support/output.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

const program = new Command('onelook')
  .description('YOLO object detection on WebGPU')
  .version(version)
  .exitOverride()
  .configureOutput({
    outputError: (text, write) => write(`onelook: ${oneLine(text.replace(/^error: /, ''), ' ')}\n`),
  })
  .hook('preAction', (_, command) => checkJsonDestination(command.opts<JsonOption>().json));

for (const command of [
  detectCommand(),
  runCommand(),
  benchCommand(),
  inspectCommand(),
  checkCommand(),
  evalCommand(),
  adaptersCommand(),
  ...laterCommands(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

function fail(error: unknown): never {
  process.stderr.write(`onelook: ${describeFailure(error)}\n`);
  process.exit(1);
}

process.on('uncaughtException', fail);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads has seen enough, as `head` does.
  if (error.code === 'EPIPE') process.exit();
  fail(error);
});

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own errors; --help and --version end here too, with exit code 0.
  if (error instanceof CommanderError) process.exit(error.exitCode);
  fail(error);
}
