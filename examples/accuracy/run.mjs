// Bundles one of this folder's programs and runs it: node examples/accuracy/run.mjs PROGRAM [ARGUMENTS]
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [program = 'raw-outputs', ...rest] = process.argv.slice(2);
const outfile = fileURLToPath(new URL(`../../dist/accuracy/${program}.js`, import.meta.url));
await build({
  entryPoints: [fileURLToPath(new URL(`${program}.ts`, import.meta.url))],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'es2022',
  packages: 'external',
});
process.argv.splice(2, process.argv.length, ...rest);
await import(outfile);
