// The minified modules for pages: the main one, and its parts, which it loads when they are needed. A part imports what it
// shares with the main module from there, so that nothing is loaded twice and an error class is one class. What only parts
// share is in each of them: few pages load several.
import { readFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { build } from 'esbuild';
import { minify } from 'terser';
import { fromRoot } from './paths.mjs';

const MAIN = 'onelook';

/** What the sources import dynamically, by the part that it is in. */
const parts = {
  'onelook-onnx': [
    'loader/onnx/parse.ts',
    'models/onnx/detector.ts',
    'models/onnx/import.ts',
    'engine/passes/pipeline.ts',
  ],
  'onelook-state-dict': ['loader/safetensors.ts', 'models/yolo-nas.ts'],
  'onelook-model': ['engine/vision/load-model.ts'],
  'onelook-operators': ['engine/plan/further-rules.ts'],
  'onelook-profile': ['engine/runtime/profile.ts'],
  'onelook-batch': ['engine/vision/batch-part.ts'],
  'onelook-stream': ['engine/vision/stream.ts'],
  'onelook-hardware': ['shaders/hardware-convolutions.ts'],
  'onelook-tuner': ['engine/vision/tuning.ts'],
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
  const chunks = await buildChunks();
  const modules = [];
  for (const name of [MAIN, ...Object.keys(parts)]) modules.push(await compress(name, await joinChunks(name, chunks)));
  return modules;
}

/**
 * A chunk for each module, and chunks for what they share: one of them has all sources of the main module.
 * @typedef {{ readonly texts: ReadonlyMap<string, string>, readonly main: string }} Chunks
 * @returns {Promise<Chunks>} `main` is the name of that chunk
 */
async function buildChunks() {
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: [MAIN, ...Object.keys(parts)].map((name) => ({ in: name, out: name })),
    splitting: true,
    chunkNames: 'shared-[hash]',
    sourcemap: 'inline',
    metafile: true,
    plugins: [entryModules, compactShaders],
  });
  const texts = new Map((outputFiles ?? []).map(({ path, text }) => [relative(fromRoot('dist'), path), text]));
  const imports = metafile?.outputs[`dist/${MAIN}.js`].imports.filter(({ kind }) => kind === 'import-statement') ?? [];
  if (imports.length !== 1) throw new Error(`the main module is in ${imports.length} chunks, not in one`);
  return { texts, main: basename(imports[0].path) };
}

/**
 * The exports of the main module and of its parts. Parts import the main module for nothing but to have all of its sources
 * in one chunk.
 * @type {import('esbuild').Plugin}
 */
const entryModules = {
  name: 'entry modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ kind, path, resolveDir }) => {
      if (kind === 'entry-point') return { path, namespace: 'entry' };
      if (kind !== 'dynamic-import') return undefined;
      const source = relative(fromRoot('.'), join(resolveDir, path)).replaceAll(sep, '/');
      const part = Object.entries(parts).find(([, sources]) => sources.includes(source));
      if (part === undefined) return { errors: [{ text: `${source} is in none of the parts` }] };
      return { path: part[0], namespace: 'entry' };
    });
    onLoad({ filter: /./, namespace: 'entry' }, ({ path }) => {
      const sources = path === MAIN ? ['index.ts'] : parts[/** @type {keyof typeof parts} */ (path)];
      const exported = sources.map((source) => `export * from './${source}'`);
      return { contents: ["import './index.ts'", ...exported].join(';'), resolveDir: fromRoot('.') };
    });
  },
};

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
 * A module in one file, which imports others instead of what is in them: the main module exports what parts need from it
 * too, by names of a letter or two.
 * @param {string} name
 * @param {Chunks} chunks
 */
async function joinChunks(name, { texts, main }) {
  const own = name === MAIN ? [`${MAIN}.js`, main] : [`${name}.js`];
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
            const inside = own.includes(chunk) || (chunk.startsWith('shared-') && chunk !== main);
            if (inside) return { path: fromRoot(`dist/${chunk}`), namespace: 'chunk' };
            return { path: `./${chunk === main ? MAIN : basename(chunk, '.js')}.min.js`, external: true };
          });
          onLoad({ filter: /./, namespace: 'chunk' }, ({ path }) => ({
            contents: texts.get(relative(fromRoot('dist'), path)),
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
