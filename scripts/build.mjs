// Builds dist/: the browser's module in one file (readable, and minified with a limit on its size), the modules for Node,
// the command, and the type declarations.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { fromRoot } from './support/paths.mjs';

const DIST = fromRoot('dist');
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
 * @param {string} name
 * @param {boolean} minify
 */
async function buildBrowserModule(name, minify) {
  const outfile = join(DIST, name);
  const { metafile } = await build({
    ...common,
    entryPoints: ['index.ts'],
    outfile,
    minify,
    platform: 'neutral',
    metafile: true,
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  if (imports.length > 0) throw new Error(`dist/${name} must import nothing, and imports ${imports.join(', ')}`);
  return outfile;
}

/** @param {string} file */
function checkSize(file) {
  const plain = readFileSync(file);
  const gzipped = gzipSync(plain, { level: 9 }).length;
  const kilobytes = (/** @type {number} */ bytes) => `${(bytes / 1024).toFixed(1)} KB`;
  const sizes = `${kilobytes(plain.length)}, ${kilobytes(gzipped)} gzipped (at most ${kilobytes(MAXIMUM_GZIPPED_BYTES)})`;
  console.log(`dist/onelook.min.js: ${sizes}`);
  if (gzipped > MAXIMUM_GZIPPED_BYTES) throw new Error('the minified browser module is too large');
}

/** The modules of Node share their code in chunks, so that an error class is one class wherever it is imported from. */
async function buildNodeModules() {
  await build({
    ...common,
    entryPoints: { index: 'index.ts', node: 'node.ts', cli: 'cli/main.ts' },
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

/** The scripts of the web example, which import the browser's module by name (the page has an import map). */
async function buildWebExample() {
  const folder = fromRoot('examples/web');
  const scripts = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.ts')) : [];
  await build({
    ...common,
    entryPoints: scripts.map((name) => join(folder, name)),
    outdir: join(DIST, 'web'),
    platform: 'browser',
    external: ['onelook'],
  });
}

/** The network that `detect` uses without a model: beside the modules, where they find it by their own address. */
function copyEmbeddedNetwork() {
  if (!existsSync(fromRoot('models/embedded'))) return;
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
  for (const name of ['index', 'node']) {
    const text = `/// <reference types="@webgpu/types" />\nexport * from '../${name}.js';\n`;
    writeFileSync(join(folder, `${name}.d.ts`), text);
  }
}

async function buildAll() {
  rmSync(DIST, { recursive: true, force: true });
  await buildBrowserModule('onelook.js', false);
  checkSize(await buildBrowserModule('onelook.min.js', true));
  await buildNodeModules();
  await buildWebExample();
  copyEmbeddedNetwork();
  buildDeclarations();
}

try {
  await buildAll();
} catch (error) {
  // esbuild and tsc have printed their own errors by now; the first line says which step it was.
  console.error(`The build failed: ${String(error instanceof Error ? error.message : error).split('\n')[0]}`);
  process.exitCode = 1;
}
