import { Command } from 'commander';
import { type CheckedModel, checkModel, UnsupportedModelError } from '../../node.ts';
import { addWeightsOption } from '../support/options.ts';
import { addJsonOption, type JsonOption, table, writeJson } from '../support/output.ts';
import { whileLoading } from '../support/progress.ts';

interface Options extends JsonOption {
  readonly weights?: string;
}

export function checkCommand(): Command {
  const command = new Command('check')
    .description('say whether a network would run and, if not, what is in the way; needs no GPU')
    .argument('<model>', 'the network');
  return addJsonOption(addWeightsOption(command)).action(check);
}

async function check(file: string, { weights, json }: Options): Promise<void> {
  let model: CheckedModel;
  try {
    model = await whileLoading((onProgress) => checkModel(file, { weights, identify: true, onProgress }));
  } catch (error) {
    if (!(error instanceof UnsupportedModelError) || error.features.length === 0) throw error;
    const { features } = error;
    if (json) await writeJson(json, { runs: false, unsupported: features });
    else {
      const rows = features.map(({ operator, node, reason }) => [operator, node, reason]);
      console.log(table([['operator', 'node', 'why'], ...rows]));
    }
    throw error;
  }
  const { family } = model.contract ?? {};
  const nodes = model.graph.nodes.length;
  if (json) await writeJson(json, { runs: true, family, nodes, unsupported: [] });
  else console.log(`${file}: runs (${family ?? 'a graph, no detector that is known'}, ${nodes} nodes)`);
}
