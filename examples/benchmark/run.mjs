// Bundles one of this folder's programs, with the processes that it starts, and runs it:
// node examples/benchmark/run.mjs PROGRAM [ARGUMENTS]
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [program = 'memory', ...rest] = process.argv.slice(2);
const folder = fileURLToPath(new URL('.', import.meta.url));
const outdir = fileURLToPath(new URL('../../dist/benchmark', import.meta.url));
const processes = readdirSync(folder).filter((file) => file.endsWith('-process.ts'));
await build({
  entryPoints: [`${program}.ts`, ...processes],
  absWorkingDir: folder,
  outdir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'es2022',
  packages: 'external',
});
process.argv.splice(2, process.argv.length, ...rest);
await import(`${outdir}/${program}.js`);
