// Builds dist/: for browsers one module with everything in it (readable, and minified), the minified modules that load their
// parts when they are needed, with a limit on the main one, and one for kernel engineers; the modules for Node, the command,
// the pages of the examples, and the type declarations.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { buildMinifiedModules, compactShaders, compress } from './support/minified-modules.mjs';
import { fromRoot } from './support/paths.mjs';

const DIST = fromRoot('dist');
/** Of the main minified module: what every page loads. */
const MAXIMUM_GZIPPED_BYTES = 60 * 1024;

/** @satisfies {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: fromRoot('.'),
  bundle: true,
  format: /** @type {const} */ ('esm'),
  target: 'es2022',
  sourcemap: true,
  logLevel: /** @type {const} */ ('warning'),
};

/**
 * One self-contained file: importing anything, from npm or from Node, is an error of the build.
 * @param {import('esbuild').BuildOptions} options
 */
async function buildOneFile(options) {
  const { metafile, outputFiles } = await build({
    ...common,
    entryPoints: { onelook: 'index.ts' },
    outdir: DIST,
    platform: 'neutral',
    metafile: true,
    ...options,
  });
  const imports = Object.values(metafile?.outputs ?? {}).flatMap((output) => output.imports.map(({ path }) => path));
  if (imports.length > 0) throw new Error(`one file must import nothing, and imports ${imports.join(', ')}`);
  const [map, code] = outputFiles?.map(({ text }) => text) ?? [];
  return { code, map };
}

/** For pages: the main module, what it loads with the first model of a kind, and all in one file. Prints their sizes. */
async function buildMinified() {
  const [main, ...parts] = await buildMinifiedModules();
  const oneFile = await buildOneFile({ minify: true, plugins: [compactShaders], sourcemap: 'external', write: false });
  const bundle = await compress('onelook.bundle', oneFile);
  for (const { name, code, map } of [main, ...parts, bundle]) {
    writeFileSync(join(DIST, name), code);
    writeFileSync(join(DIST, `${name}.map`), map);
  }
  const mainSize = gzippedSize(main);
  console.log(`${describeSize(main)}, of at most ${kilobytes(MAXIMUM_GZIPPED_BYTES)}`);
  for (const part of parts) {
    console.log(`${describeSize(part)} when it is needed, ${kilobytes(mainSize + gzippedSize(part))} in all`);
  }
  console.log(`${describeSize(bundle)}, all in one file`);
  if (mainSize > MAXIMUM_GZIPPED_BYTES) throw new Error(`dist/${main.name} is too large`);
}

/** @param {{ readonly name: string, readonly code: string }} module */
function describeSize({ name, code }) {
  return `dist/${name}: ${kilobytes(Buffer.byteLength(code))}, ${kilobytes(gzippedSize({ code }))} gzipped`;
}

/** @param {{ readonly code: string }} module */
function gzippedSize({ code }) {
  return gzipSync(code, { level: 9 }).length;
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1024).toFixed(1)} KB`;
}

/** The modules of Node share their code in chunks, so that an error class is one class wherever it is imported from. */
async function buildNodeModules() {
  await build({
    ...common,
    entryPoints: {
      index: 'index.ts',
      node: 'node.ts',
      'lab.node': 'lab.ts',
      cli: 'cli/main.ts',
      'cold-start': 'cli/benchmark/cold-start-process.ts',
    },
    outdir: DIST,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    platform: 'node',
    target: 'node20',
    external: ['webgpu', 'sharp', 'commander', 'onnxruntime-node'],
    // cli-progress is CommonJS and requires Node's own modules.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
}

/** The scripts of the pages among the examples, which import the browser's modules by name (the pages have import maps). */
async function buildPages() {
  await build({
    ...common,
    entryPoints: { 'web/main': 'examples/web/main.ts', 'kernel-lab/main': 'examples/kernel-lab/main.ts' },
    outdir: DIST,
    platform: 'browser',
    external: ['onelook', 'onelook/lab'],
  });
}

/** The network that `detect` uses without a model: beside the modules, where they find it by their own address. */
function copyEmbeddedNetwork() {
  const filter = (/** @type {string} */ file) => !file.endsWith('.ts');
  cpSync(fromRoot('models/embedded'), join(DIST, 'embedded'), { recursive: true, filter });
}

function buildDeclarations() {
  const packageFile = createRequire(import.meta.url).resolve('typescript/package.json');
  const compiler = join(dirname(packageFile), JSON.parse(readFileSync(packageFile, 'utf8')).bin.tsc);
  execFileSync(process.execPath, [compiler, '-p', fromRoot('tsconfig.build.json')], { stdio: 'inherit' });
  const types = join(DIST, 'types');
  for (const name of readdirSync(types, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.d.ts')) renameImports(join(types, name));
  }
  writeDeclarationsForOlderTypeScript(types);
}

/**
 * The compiler leaves the `.ts` of relative imports as it is; a package has `.d.ts` beside `.js`.
 * @param {string} file
 */
function renameImports(file) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/(from |import\()(['"])(\.{1,2}\/[^'"]*)\.ts\2/g, '$1$2$3.js$2'));
}

/**
 * Before version 6, TypeScript's library lacks WebGPU's types, and from then on those of @webgpu/types collide with it. So
 * older versions get entries of their own (`types@<6.0` in package.json); the package comes with npm `webgpu`.
 * @param {string} types
 */
function writeDeclarationsForOlderTypeScript(types) {
  const folder = join(types, 'before-typescript-6');
  mkdirSync(folder);
  for (const name of ['index', 'lab', 'node']) {
    const text = `/// <reference types="@webgpu/types" />\nexport * from '../${name}.js';\n`;
    writeFileSync(join(folder, `${name}.d.ts`), text);
  }
}

async function buildAll() {
  rmSync(DIST, { recursive: true, force: true });
  await buildOneFile({});
  await buildOneFile({ entryPoints: { lab: 'lab.ts' } });
  await buildNodeModules();
  await buildPages();
  copyEmbeddedNetwork();
  buildDeclarations();
  await buildMinified();
}

try {
  await buildAll();
} catch (error) {
  // esbuild and tsc have printed their own errors by now; the first line says which step it was.
  console.error(`The build failed: ${String(error instanceof Error ? error.message : error).split('\n')[0]}`);
  process.exitCode = 1;
}
