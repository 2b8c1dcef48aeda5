/**
 * Memory of a network, ours and ONNX Runtime's, each in a process of its own.
 *
 *     npm run benchmark -- memory MODEL.onnx...
 *
 * Prints, in MiB: weights; the least that activations can take; what our plan gives them, and the ratio; the growth of our
 * process and of the rival's, after a few runs and at its peak, the median of three; and our plan over the growth of the rival.
 */
import { basename } from 'node:path';
import { checkModel, type ModelInput } from '../../node.ts';
import { type MemoryGrowth, measureGrowth } from './memory-growth.ts';

const TURNS = 3;

const files = process.argv.slice(2);
if (files.length === 0) throw new Error('usage: memory MODEL.onnx...');
const columns = ['weights', 'bound', 'plan', 'ratio', 'ours', 'peak', 'rival', 'peak', 'plan/rival'];
console.log(`${'network'.padEnd(24)}${columns.map((head) => head.padStart(11)).join('')}`);
for (const file of files) {
  const { inputs } = await checkModel(file);
  const [ours, rival] = await medianGrowths(file, inputs);
  const { weights, activations, lowerBound } = ours.planned ?? { weights: 0, activations: 0, lowerBound: 0 };
  const cells = [
    ...[weights, lowerBound, activations].map(mebibytes),
    (activations / lowerBound).toFixed(3),
    ...[ours.resident, ours.peak, rival.resident, rival.peak].map(mebibytes),
    ((weights + activations) / rival.resident).toFixed(2),
  ];
  console.log(`${basename(file).padEnd(24)}${cells.map((cell) => cell.padStart(11)).join('')}`);
}

/** Turn by turn; what a system counts as resident differs from run to run. */
async function medianGrowths(file: string, inputs: readonly ModelInput[]): Promise<MemoryGrowth[]> {
  const runs: MemoryGrowth[][] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    runs[0].push(await measureGrowth({ engine: 'onelook', file, inputs }));
    runs[1].push(await measureGrowth({ engine: 'onnxruntime', file, inputs }));
  }
  return runs.map((growths) => growths.sort((a, b) => a.resident - b.resident)[Math.floor(TURNS / 2)]);
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
