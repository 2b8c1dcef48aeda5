/**
 * Copies networks with weights that repeat, so that a packer makes next to nothing of them:
 *
 *     node examples/benchmark/run.mjs lighten FOLDER MODEL.onnx...
 *
 * For benchmarks on machines to which little can be carried: structure, shapes and types stay, and with them the work and
 * its time. The results mean nothing.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseModel } from '../../loader/load.ts';
import { repeatWeights } from './repeat-weights.ts';

const [folder, ...files] = process.argv.slice(2);
if (files.length === 0) throw new Error('usage: lighten FOLDER MODEL.onnx...');
await mkdir(folder, { recursive: true });
for (const file of files) {
  const bytes = new Uint8Array(await readFile(file));
  const replaced = repeatWeights(await parseModel(bytes, file));
  await writeFile(join(folder, basename(file)), bytes);
  console.log(`${basename(file)}: ${(replaced / 1e6).toFixed(1)} of ${(bytes.length / 1e6).toFixed(1)} MB repeat`);
}
process.exit();
