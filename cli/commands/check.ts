import { Command } from 'commander';
import { checkModel, UnsupportedModelError } from '../../node.ts';
import { table, writeJson } from '../support/output.ts';

interface CheckOptions {
  readonly weights?: string;
  readonly json?: string | true;
}

export function checkCommand(): Command {
  return new Command('check')
    .description('say whether a network would run and, if not, what is in the way; needs no GPU')
    .argument('<model>', 'the network')
    .option('--weights <file>', 'the weights, where the model file holds the structure only')
    .option('--json [file]', 'as JSON')
    .action(check);
}

async function check(file: string, options: CheckOptions): Promise<void> {
  try {
    const { graph, contract } = await checkModel(file, { weights: options.weights, identify: true });
    const report = { runs: true, family: contract?.family, nodes: graph.nodes.length, unsupported: [] };
    if (options.json) await writeJson(options.json, report);
    else console.log(`${file}: runs (${contract?.family ?? 'as a raw graph'}, ${graph.nodes.length} nodes)`);
  } catch (error) {
    if (!(error instanceof UnsupportedModelError) || error.features.length === 0) throw error;
    if (options.json) await writeJson(options.json, { runs: false, unsupported: error.features });
    else {
      const rows = error.features.map(({ operator, node, reason }) => [operator, node, reason]);
      console.log(table([['operator', 'node', 'why'], ...rows]));
    }
    throw error;
  }
}
