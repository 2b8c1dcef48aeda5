import { Command } from 'commander';
import { InvalidArgumentError } from '../../node.ts';

/** Commands that are designed and not built: the help says so, and calling one is refused in one line. */
export function laterCommands(): Command[] {
  return [
    later('quantize', 'turn a network into INT8 with pictures to calibrate it'),
    later('convert', 'turn a training checkpoint into safetensors'),
    later('export', 'turn a training checkpoint into ONNX'),
  ];
}

function later(name: string, description: string): Command {
  return new Command(name)
    .description(`${description} (not built yet)`)
    .argument('[anything...]')
    .allowUnknownOption()
    .action(() => {
      throw new InvalidArgumentError(`the command ${name} is not built yet`);
    });
}
