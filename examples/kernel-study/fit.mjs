// Bundles fit.ts and runs it with this command line's arguments.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const outfile = fileURLToPath(new URL('../../dist/kernel-study/fit.js', import.meta.url));
await build({
  entryPoints: [fileURLToPath(new URL('fit.ts', import.meta.url))],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'es2022',
  packages: 'external',
});
await import(outfile);
