// The main job, shown on a fresh clone: detects the objects in examples/images with the embedded network and writes
// annotated pictures to out/.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fromRoot } from './support/paths.mjs';

const images = readdirSync(fromRoot('examples/images'))
  .filter((name) => /\.(png|jpe?g|webp)$/i.test(name))
  .sort()
  .map((name) => `examples/images/${name}`);
const command = ['dist/cli.js', 'detect', ...images, '--out', 'out'];
process.exitCode = spawnSync(process.execPath, command, { stdio: 'inherit', cwd: fromRoot('.') }).status ?? 1;
