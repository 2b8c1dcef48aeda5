import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Bundles one of this folder's programs and runs it with this command line's arguments.
 * @param {string} program without ".ts"
 */
export async function bundleAndRun(program) {
  const outfile = fileURLToPath(new URL(`../../dist/kernel-study/${program}.js`, import.meta.url));
  await build({
    entryPoints: [fileURLToPath(new URL(`${program}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'es2022',
    packages: 'external',
  });
  await import(outfile);
}
