// The main job, shown on a fresh clone: detects the objects in examples/images with the embedded network and writes
// annotated pictures to out/.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fromRoot } from './support/paths.mjs';

const folder = fromRoot('examples/images');
const images = readdirSync(folder)
  .filter((name) => /\.(png|jpe?g|webp)$/i.test(name))
  .sort()
  .map((name) => join(folder, name));
const command = [fromRoot('dist/cli.js'), 'detect', ...images, '--out', fromRoot('out')];
process.exitCode = spawnSync(process.execPath, command, { stdio: 'inherit' }).status ?? 1;
