/**
 * Memory of a network, ours and ONNX Runtime's, each in a process of its own.
 *
 *     node examples/benchmark/run.mjs memory MODEL.onnx...
 *
 * Prints, in MiB: weights; the least that activations can take; what our plan gives them, and the ratio; the growth of our
 * process and of the rival's, after a few runs and at its peak; and our plan over the growth of the rival.
 */
import { basename } from 'node:path';
import { checkModel } from '../../node.ts';
import { measureGrowth } from './memory-growth.ts';

const files = process.argv.slice(2);
if (files.length === 0) throw new Error('usage: memory MODEL.onnx...');
const columns = ['weights', 'bound', 'plan', 'ratio', 'ours', 'peak', 'rival', 'peak', 'plan/rival'];
console.log(`${'network'.padEnd(24)}${columns.map((head) => head.padStart(11)).join('')}`);
for (const file of files) {
  const { inputs } = await checkModel(file);
  const ours = await measureGrowth({ engine: 'onelook', file, inputs });
  const rival = await measureGrowth({ engine: 'onnxruntime', file, inputs });
  const { weights, activations, lowerBound } = ours.planned ?? { weights: 0, activations: 0, lowerBound: 0 };
  const cells = [
    ...[weights, lowerBound, activations].map(mebibytes),
    (activations / lowerBound).toFixed(3),
    ...[ours.resident, ours.peak, rival.resident, rival.peak].map(mebibytes),
    ((weights + activations) / rival.resident).toFixed(2),
  ];
  console.log(`${basename(file).padEnd(24)}${cells.map((cell) => cell.padStart(11)).join('')}`);
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
