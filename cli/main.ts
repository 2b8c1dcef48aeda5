#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { adaptersCommand } from './commands/adapters.ts';
import { benchCommand } from './commands/bench.ts';
import { checkCommand } from './commands/check.ts';
import { detectCommand } from './commands/detect.ts';
import { evalCommand } from './commands/eval.ts';
import { inspectCommand } from './commands/inspect.ts';
import { runCommand } from './commands/run.ts';
import { describeFailure } from './support/failure.ts';

const program = new Command('onelook')
  .description('YOLO object detection on WebGPU')
  .showHelpAfterError('(onelook --help lists the commands)')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'onelook: ')) });

for (const command of [
  detectCommand(),
  runCommand(),
  benchCommand(),
  inspectCommand(),
  checkCommand(),
  evalCommand(),
  adaptersCommand(),
]) {
  program.addCommand(command.exitOverride().copyInheritedSettings(program));
}

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own errors; --help and --version end here too, with exit code 0.
  if (error instanceof CommanderError) process.exit(error.exitCode);
  process.stderr.write(`onelook: ${describeFailure(error)}\n`);
  process.exit(1);
}
