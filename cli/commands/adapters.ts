import { Command } from 'commander';
import { listNodeAdapters } from '../../node.ts';
import { addJsonOption, type JsonOption, table, writeJson } from '../support/output.ts';

export function adaptersCommand(): Command {
  const command = new Command('adapters').description('list the GPUs that can be used, and what they are');
  return addJsonOption(command).action(async ({ json }: JsonOption) => {
    const adapters = await listNodeAdapters();
    if (json) return writeJson(json, adapters);
    if (adapters.length === 0) {
      console.log('No adapter. Run `npm run setup`, or install a Vulkan driver for your GPU.');
      return;
    }
    const rows = adapters.map(({ name, software, backend, description }) => [
      name,
      software ? 'software' : 'GPU',
      backend ?? '',
      description,
    ]);
    console.log(table([['adapter', 'kind', 'backend', 'description'], ...rows]));
  });
}
