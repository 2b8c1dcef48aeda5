/**
 * Time per image at batch 1 and at a larger one, turn by turn:
 *
 *     node examples/benchmark/run.mjs batch MODEL.onnx... [--batch 4]
 *
 * and the options of every program here, see README.md.
 */
import { basename } from 'node:path';
import { makeInputs } from '../../cli/benchmark/inputs.ts';
import { compare, quantile } from '../../cli/benchmark/samples.ts';
import { takeTurns } from '../../cli/benchmark/turns.ts';
import { loadModel } from '../../node.ts';
import { count, finishProgram, measureEach, startProgram } from './program.ts';

const program = await startProgram(['batch']);
const { device, precision, turns, own } = program;
const batch = count('batch', own.batch ?? '4');
const { results, failures } = await measureEach(program.files, measure);
await finishProgram(program, {
  name: 'batch',
  title: `Time per image at batch 1 and ${batch}, ${precision}`,
  tables: [
    [
      ['network', 'batch 1, ms', `batch ${batch}, ms per image`, 'speed per image, of batch 1 (spread)'],
      ...results.map(({ network, singleMs, batchedMs, ratio, ratioSpread }) => [
        network,
        singleMs.toFixed(1),
        batchedMs.toFixed(1),
        `${ratio.toFixed(2)} (${ratioSpread.map((value) => value.toFixed(2)).join(' to ')})`,
      ]),
    ],
  ],
  failures,
  results,
});

async function measure(file: string) {
  const single = await loadModel(file, { device, precision });
  try {
    const batched = await loadModel(file, { device, precision, batch });
    try {
      const runners = [single, batched].map((model) => {
        const inputs = makeInputs(model.inputs);
        return () => model.run(inputs);
      });
      const [one, several] = await takeTurns(runners, turns);
      const each = several.map((time) => time / batch);
      return {
        network: basename(file),
        singleMs: quantile(one, 0.5),
        batchedMs: quantile(each, 0.5),
        ...compare(each, one),
      };
    } finally {
      batched.dispose();
    }
  } finally {
    single.dispose();
  }
}
