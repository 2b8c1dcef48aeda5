// The minified modules for pages: the main one, and its parts, which it loads when they are needed. A part imports what it
// shares with the main module from there, so that nothing is loaded twice and an error class is one class.
import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { build } from 'esbuild';
import { minify } from 'terser';
import { fromRoot } from './paths.mjs';

const MAIN = 'onelook';

/** What the sources import dynamically, by the part that it is in. */
const parts = {
  'onelook-onnx': ['loader/onnx/parse.ts', 'models/onnx/detector.ts', 'models/onnx/import.ts'],
  'onelook-state-dict': ['loader/safetensors.ts', 'models/yolo-nas.ts'],
  'onelook-profile': ['engine/runtime/profile.ts'],
};

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: fromRoot('.'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  // Nothing is written there; sources have addresses relative to it.
  outdir: 'dist',
  write: false,
  logLevel: 'warning',
};

/** The main module first. */
export async function buildMinifiedModules() {
  const chunks = await splitIntoChunks();
  const modules = [];
  for (const name of [MAIN, ...Object.keys(parts)]) modules.push(await compress(name, await joinChunks(name, chunks)));
  return modules;
}

/**
 * One chunk for the exports of each module, and one for all that the main module consists of.
 * @returns {Promise<Map<string, string>>} texts by name
 */
async function splitIntoChunks() {
  const first = await buildChunks([]);
  const [, ...surplus] = first.shared.toSorted((one, other) => other.inputs.length - one.inputs.length);
  // What only parts share is the main module's as well: one file less to load.
  const { texts, shared } = surplus.length > 0 ? await buildChunks(surplus.flatMap(({ inputs }) => inputs)) : first;
  if (shared.length !== 1) throw new Error(`there are ${shared.length} shared chunks, not one`);
  return texts;
}

/** @param {readonly string[]} alsoInMain */
async function buildChunks(alsoInMain) {
  const entries = [MAIN, ...Object.keys(parts)];
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: entries.map((name) => ({ in: name, out: name })),
    splitting: true,
    chunkNames: 'shared-[hash]',
    sourcemap: 'inline',
    metafile: true,
    plugins: [entryModules(alsoInMain), compactShaders],
  });
  const texts = new Map((outputFiles ?? []).map(({ path, text }) => [relative(fromRoot('dist'), path), text]));
  const shared = Object.entries(metafile?.outputs ?? {})
    .filter(([path]) => /shared-\w+\.js$/.test(path))
    .map(([path, { inputs }]) => ({ path, inputs: Object.keys(inputs) }));
  return { texts, shared };
}

/**
 * The exports of the main module and of its parts. Parts import all sources of the main module for nothing but to have them
 * in the one chunk that all modules share.
 * @param {readonly string[]} alsoInMain
 * @returns {import('esbuild').Plugin}
 */
function entryModules(alsoInMain) {
  const exportsOf = (/** @type {string} */ source) => `export * from './${source}'`;
  const everything = ['index.ts', ...alsoInMain].map((source) => `import './${source}'`);
  /** @type {Record<string, readonly string[]>} */
  const statements = { [MAIN]: [exportsOf('index.ts'), ...everything] };
  for (const [part, sources] of Object.entries(parts)) statements[part] = [...everything, ...sources.map(exportsOf)];
  const partOf = new Map(Object.entries(parts).flatMap(([part, sources]) => sources.map((source) => [source, part])));
  return {
    name: 'entry modules',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ kind, path, resolveDir }) => {
        if (kind === 'entry-point') return { path, namespace: 'entry' };
        if (kind !== 'dynamic-import') return undefined;
        const source = relative(fromRoot('.'), join(resolveDir, path)).replaceAll(sep, '/');
        const part = partOf.get(source);
        if (part === undefined) return { errors: [{ text: `${source} is in none of the parts` }] };
        return { path: part, namespace: 'entry' };
      });
      onLoad({ filter: /./, namespace: 'entry' }, ({ path }) => ({
        contents: statements[path].join(';'),
        resolveDir: fromRoot('.'),
      }));
    },
  };
}

/**
 * WGSL is indented and commented for people. Lines keep their numbers; outside of templates indentation means nothing.
 * @type {import('esbuild').Plugin}
 */
export const compactShaders = {
  name: 'compact shaders',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]shaders[\\/][^\\/]+\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(/^[ \t]+(\/\/.*)?/gm, ''),
      loader: 'ts',
    }));
  },
};

/**
 * The file of a module: the main one has the shared chunk in it, the others import the main one instead.
 * @param {string} name
 * @param {ReadonlyMap<string, string>} chunks
 */
async function joinChunks(name, chunks) {
  const own = [...chunks.keys()].filter(
    (chunk) => chunk === `${name}.js` || (name === MAIN && chunk.startsWith('shared-')),
  );
  const { outputFiles } = await build({
    ...common,
    stdin: { contents: own.map((chunk) => `export * from './${chunk}'`).join(';'), resolveDir: fromRoot('dist') },
    sourcemap: 'external',
    plugins: [
      {
        name: 'chunks',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^\.\// }, ({ path }) => {
            const chunk = path.slice('./'.length);
            if (own.includes(chunk)) return { path: fromRoot(`dist/${chunk}`), namespace: 'chunk' };
            const module = chunk.startsWith('shared-') ? MAIN : chunk.slice(0, -'.js'.length);
            return { path: `./${module}.min.js`, external: true };
          });
          onLoad({ filter: /./, namespace: 'chunk' }, ({ path }) => ({
            contents: chunks.get(relative(fromRoot('dist'), path)),
            resolveDir: fromRoot('dist'),
          }));
        },
      },
    ],
  });
  const [map, code] = outputFiles?.map(({ text }) => text) ?? [];
  return { code, map };
}

/**
 * What esbuild has minified, minified further: a twentieth less when compressed.
 * @param {string} name without ".min.js"
 * @param {{ readonly code: string, readonly map: string }} module
 */
export async function compress(name, { code, map }) {
  const file = `${name}.min.js`;
  const result = await minify(code, {
    module: true,
    ecma: 2020,
    compress: { passes: 2 },
    sourceMap: { filename: file, url: `${file}.map`, content: map },
  });
  if (result.code === undefined || typeof result.map !== 'string') throw new Error(`${file} can't be minified`);
  return { name: file, code: result.code, map: result.map };
}
