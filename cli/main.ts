#!/usr/bin/env node
import { Command } from 'commander';
import { listNodeAdapters } from '../node.ts';

const program = new Command('onelook').description('YOLO object detection on WebGPU');

program
  .command('adapters')
  .description('list the adapters that WebGPU can use here')
  .action(async () => {
    for (const adapter of await listNodeAdapters()) {
      console.log(`${adapter.name}${adapter.software ? ' (software)' : ''}`);
    }
  });

await program.parseAsync();
