// Bundles this folder's programs, and the processes that they start, into dist/benchmark and runs one:
// node examples/benchmark/run.mjs PROGRAM [ARGUMENTS]. `build` only bundles: what lies there then runs without the bundler,
// as node dist/benchmark/PROGRAM.js.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PROGRAMS = ['networks', 'detect', 'switches', 'batch', 'memory', 'gpu', 'lighten'];
const [program = '', ...rest] = process.argv.slice(2);
if (![...PROGRAMS, 'build'].includes(program))
  throw new Error(`usage: run.mjs ${PROGRAMS.join('|')}|build [ARGUMENTS]`);

const folder = fileURLToPath(new URL('.', import.meta.url));
const outdir = fileURLToPath(new URL('../../dist/benchmark', import.meta.url));
const processes = readdirSync(folder).filter((file) => file.endsWith('-process.ts'));
await build({
  entryPoints: [
    ...[...PROGRAMS.map((name) => `${name}.ts`), ...processes].map((file) => ({
      in: file,
      out: file.replace('.ts', ''),
    })),
    { in: '../../cli/benchmark/cold-start-process.ts', out: 'cold-start' },
  ],
  absWorkingDir: folder,
  outdir,
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'es2022',
  packages: 'external',
});
if (program !== 'build') {
  process.argv.splice(2, process.argv.length, ...rest);
  await import(`${outdir}/${program}.js`);
}
