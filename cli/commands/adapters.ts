import { Command } from 'commander';
import { listNodeAdapters } from '../../node.ts';
import { table, writeJson } from '../support/output.ts';

export function adaptersCommand(): Command {
  return new Command('adapters')
    .description('list the GPUs that can be used, and what they are')
    .option('--json [file]', 'as JSON')
    .action(async (options: { json?: string | true }) => {
      const adapters = await listNodeAdapters();
      if (options.json) return writeJson(options.json, adapters);
      if (adapters.length === 0) {
        console.log('No adapter. Run `npm run setup`, or install a Vulkan driver for your GPU.');
        return;
      }
      const rows = adapters.map((adapter) => [
        adapter.name,
        adapter.software ? 'software' : 'GPU',
        adapter.backend ?? '',
        adapter.description,
      ]);
      console.log(table([['adapter', 'kind', 'backend', 'description'], ...rows]));
    });
}
