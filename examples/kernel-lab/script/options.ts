import { Command, InvalidArgumentError as InvalidOption, Option } from 'commander';
import type { Precision } from 'onelook/lab';

export interface Options {
  readonly model: string | undefined;
  readonly size?: number;
  readonly precision: Precision;
  readonly adapter?: string;
  readonly layer?: string;
  readonly shape?: string;
  readonly candidates: string;
  readonly wgsl?: string;
  readonly from?: string;
  readonly watch: boolean;
  readonly rounds: number;
  readonly specialize: boolean;
  readonly json?: string;
  readonly pin?: string;
}

const EXAMPLES = `
Examples:
  node examples/kernel-lab/run.mjs yolov8n.onnx                          the network's layers
  node examples/kernel-lab/run.mjs yolov8n.onnx --layer 3                kernels of one of them
  node examples/kernel-lab/run.mjs yolov8n.onnx --layer all --pin pins.json
  node examples/kernel-lab/run.mjs --shape "64x80x80 -> 64 k3 s1 p1 silu"
  node examples/kernel-lab/run.mjs --shape "64x80x80 -> 64 k3 silu" --wgsl mine.wgsl
  node examples/kernel-lab/run.mjs --wgsl mine.wgsl --watch              the layer that it was begun for`;

/** Reads the command line; says what is wrong with it and ends the process. */
export function readOptions(): Options {
  const command = new Command('kernel-lab')
    .description('Checks and times convolution kernels on the layers of a network, or on a layer that you type')
    .argument('[model]', 'an ONNX or safetensors file; the embedded network without one')
    .option(
      '--layer <n|text|all>',
      "layers of the network: a number of the list, part of a layer's text or key, or all",
    )
    .option('--shape <text>', 'a layer of your own, such as "64x80x80 -> 64 k3 s1 p1 silu"')
    .option('--candidates <text>', 'only the built-in kernels whose names contain this', '')
    .option('--wgsl <file>', 'a kernel of your own; a file that is not there is begun from a built-in kernel')
    .option('--from <name>', 'the built-in kernel to begin it from; the fastest without it')
    .option('--watch', 'check and time it again whenever the file is saved', false)
    .option('--rounds <n>', 'turns of each kernel', wholeNumber, 9)
    .option('--specialize', 'write parameters into the text of built-in kernels', false)
    .option('--size <pixels>', 'width and height of the network input, where the model leaves it open', wholeNumber)
    .addOption(new Option('--precision <type>', 'of a network').choices(['auto', 'float32', 'float16']).default('auto'))
    .option('--adapter <name>', 'use the adapter whose name contains this')
    .option('--json <file>', 'everything measured')
    .option('--pin <file>', 'add the fastest built-in kernels to a table of pinned choices')
    .addHelpText('after', EXAMPLES)
    .parse();
  const options = command.opts<Omit<Options, 'model'>>();
  if (options.watch && options.wgsl === undefined) command.error('--watch needs a file to watch: --wgsl FILE');
  if (options.shape !== undefined && options.layer !== undefined) {
    command.error('--shape is a layer of your own, --layer one of the network: give one of them');
  }
  return { ...options, model: command.args[0] };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidOption('It must be a whole number above 0.');
  return value;
}
