// Bundles this folder's programs into dist/benchmark and runs one: node examples/benchmark/run.mjs PROGRAM [ARGUMENTS].
// `build` only bundles: what lies there then runs without the bundler, as `node dist/benchmark/PROGRAM.js`.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const programs = ['networks', 'detect', 'switches', 'batch', 'gpu', 'lighten'];
const [program = '', ...rest] = process.argv.slice(2);
if (![...programs, 'build'].includes(program))
  throw new Error(`usage: run.mjs ${programs.join('|')}|build [ARGUMENTS]`);

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
await build({
  entryPoints: {
    ...Object.fromEntries(programs.map((name) => [name, here(`${name}.ts`)])),
    'cold-start': here('../../cli/benchmark/cold-start-process.ts'),
  },
  outdir: here('../../dist/benchmark'),
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'es2022',
  packages: 'external',
});
if (program !== 'build') {
  process.argv.splice(2, process.argv.length, ...rest);
  await import(here(`../../dist/benchmark/${program}.js`));
}
