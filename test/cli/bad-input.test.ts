import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, it } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { separateOutputs, tinyDetector } from '../models/tiny-detectors.ts';
import { onelook, temporaryFolder } from '../support/cli.ts';
import { writeOnnx } from '../support/onnx-writer.ts';

const SCENE = fromRoot('examples/images/scene-5.jpg');
const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

function tinyModel(): Uint8Array {
  return writeOnnx(tinyDetector({ ...separateOutputs(3), outputs: ['boxes', 'scores'] }));
}

/** A detector in one convolution, of any input size that is a multiple of 32. */
function openModel(): Uint8Array {
  const detector = tinyDetector({
    ...separateOutputs(3),
    outputs: ['boxes', 'scores'],
    input: { dims: [1, 3, 'height', 'width'] },
    metadata: { stride: '32' },
  });
  return writeOnnx(detector);
}

function unsupportedModel(): Uint8Array {
  return writeOnnx({
    inputs: [{ name: 'images', type: 'float32', dims: [1, 3, 64, 64] }],
    outputs: [{ name: 'output', type: 'float32' }],
    initializers: [{ name: 'weights', type: 'float32', dims: [4, 3, 1, 1], data: new Float32Array(12) }],
    nodes: [
      { operator: 'Conv', name: 'fine', inputs: ['images', 'weights'], outputs: ['b'] },
      { operator: 'Det', name: 'first', inputs: ['images'], outputs: ['a'] },
      { operator: 'Gaze', domain: 'my.domain', name: 'second', inputs: ['b'], outputs: ['c'] },
      { operator: 'Add', name: 'last', inputs: ['a', 'c'], outputs: ['output'] },
    ],
  });
}

/** A .npy file with whatever header. */
function npy(header: string, elements: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  return Uint8Array.of(
    0x93,
    ...new TextEncoder().encode('NUMPY'),
    1,
    0,
    text.length,
    0,
    ...text,
    ...Buffer.alloc(elements),
  );
}

beforeAll(async () => {
  const model = tinyModel();
  const scene = readFileSync(SCENE);
  const files: Record<string, string | Uint8Array> = {
    'model.onnx': model,
    'open.onnx': openModel(),
    'truncated.onnx': model.subarray(0, model.length >> 1),
    'mutated.onnx': model.map((byte, index) => (index > 20 && index < 60 ? byte ^ 0x80 : byte)),
    'unsupported.onnx': unsupportedModel(),
    'foreign.onnx': 'nothing of a network',
    'empty.onnx': '',
    'empty.png': '',
    'text.png': 'no picture at all',
    'truncated.jpg': scene.subarray(0, scene.length >> 1),
    'truncated.png': (await sharp(SCENE).png().toBuffer()).subarray(0, 20_000),
    'labels.txt': 'one\ntwo\n',
    'no-labels.txt': '\n\n',
    'broken.npy': 'NUMPY no',
    'short.npy': npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 64, 64), }\n", 16),
    'other-shape.npy': npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }\n", 12),
    'text.json': 'not JSON',
    'no-boxes.json':
      '{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "a"}], "annotations": []}',
    'strange.json': '{"images": [null], "categories": [], "annotations": []}',
    'missing-picture.json':
      '{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "a"}],' +
      ' "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}]}',
  };
  for (const [name, contents] of Object.entries(files)) writeFileSync(at(name), contents);
  mkdirSync(at('folder'));
});

interface Case {
  readonly what: string;
  readonly args: readonly string[];
  readonly says: RegExp;
  readonly env?: Readonly<Record<string, string>>;
}

const detect = (what: string, args: readonly string[], says: RegExp): Case => ({
  what,
  args: ['detect', SCENE, ...args],
  says,
});
const picture = (name: string, says: RegExp): Case => ({ what: name, args: ['detect', at(name)], says });
const model = (name: string, says: RegExp): Case => detect(name, ['--model', at(name)], says);
const evaluate = (name: string, says: RegExp): Case => ({
  what: `eval with ${name}`,
  args: ['eval', at('model.onnx'), '--images', folder, '--annotations', at(name)],
  says,
});
const run = (what: string, args: readonly string[], says: RegExp): Case => ({
  what: `run with ${what}`,
  args: ['run', at('model.onnx'), '--output-dir', at('out'), ...args],
  says,
});

const cases: readonly Case[] = [
  picture('empty.png', /empty\.png is empty/),
  picture('text.png', /text\.png can't be decoded: .*unsupported image format/),
  picture('truncated.jpg', /truncated\.jpg can't be decoded/),
  picture('truncated.png', /truncated\.png can't be decoded/),
  picture('missing.png', /missing\.png can't be read: .*no such file/),
  picture('folder', /folder can't be read/),
  { what: 'one bad picture of two', args: ['detect', SCENE, at('empty.png')], says: /empty\.png is empty/ },

  model('truncated.onnx', /truncated\.onnx/),
  model('mutated.onnx', /mutated\.onnx/),
  model('foreign.onnx', /foreign\.onnx is a text file, not an ONNX or safetensors model/),
  model('empty.onnx', /empty\.onnx is an empty file/),
  model('missing.onnx', /missing\.onnx can't be read: there is no such file/),
  model('folder', /folder is a folder; name the model file in it/),
  model('unsupported.onnx', /2 nodes that can't run: "first" \(Det\).*; "second" \(my\.domain\.?:*Gaze\)/),

  detect(
    'an input size that is no multiple of the stride',
    ['--size', '100'],
    /100 is not a multiple .* 32; use 96 or 128/,
  ),
  detect(
    'an input size that the network lacks',
    ['--model', at('model.onnx'), '--size', '96'],
    /fixed to an input of 64x64/,
  ),
  detect('an input size beyond all use', ['--size', '100000'], /the input size 100000 is above 8192 pixels/),
  detect('JSON without a name', ['--json', ''], /It must name a file/),
  detect('too few labels', ['--model', at('model.onnx'), '--labels', at('labels.txt')], /2 labels .* 3 classes/),
  detect('missing labels', ['--labels', at('missing.txt')], /missing\.txt can't be read: no such file/),
  detect('labels without a name', ['--labels', at('no-labels.txt')], /no-labels\.txt holds no labels/),
  detect('weights that are not wanted', ['--weights', at('model.onnx')], /holds its weights itself/),
  detect('--score out of range', ['--score', '1.5'], /--score .*'1\.5' is invalid. It must be a number from 0 to 1/),
  detect('--iou that is no number', ['--iou', 'much'], /--iou .*'much' is invalid/),
  detect('--max of none', ['--max', '0'], /--max .*'0' is invalid. It must be a whole number above 0/),
  detect('--max beyond what is possible', ['--max', '1025'], /It must be at most 1024/),
  detect('an unknown precision', ['--precision', 'int4'], /It must be one of auto, float32, float16/),
  detect('a precision that is not built', ['--precision', 'int8'], /int8 is not built yet/),
  detect('--augment, which is not built', ['--augment'], /--augment is not built yet/),
  detect('an unknown option', ['--scores', '1'], /unknown option '--scores'/),

  detect('an adapter that is not there', ['--adapter', 'no-such-adapter'], /[Nn]o adapter/),
  {
    what: 'no adapter at all',
    args: ['detect', SCENE, '--model', at('model.onnx')],
    env: { VK_DRIVER_FILES: at('missing-driver.json') },
    says: /no adapter on this machine: run "npm run setup".* or install/,
  },

  detect('an output folder below a file', ['--out', join(SCENE, 'out')], /can't write into .*: it is a file/),
  detect('an output folder that is a file', ['--out', SCENE], /can't write into .*: it is a file/),
  detect('JSON below a file', ['--json', join(SCENE, 'a.json')], /can't write into .*: it is a file/),
  detect('JSON over a picture', ['--json', at('text.png')], /--json would overwrite .*text\.png/),
  {
    what: 'a picture over itself',
    args: ['detect', at('a.png'), '--out', folder],
    says: /--out would overwrite .*a\.png/,
  },

  evaluate('text.json', /text\.json is not JSON/),
  evaluate('no-boxes.json', /its list of annotations is empty/),
  evaluate('strange.json', /entry 0 of its images lacks an id and a file_name/),
  evaluate('labels.txt', /labels\.txt is not JSON/),
  evaluate('missing.json', /missing\.json can't be read: no such file/),
  evaluate('missing-picture.json', /a\.png can't be read/),

  run('no name', ['--input', at('broken.npy')], /must be NAME=FILE\.npy/),
  run(
    'a broken tensor',
    ['--input', `image=${at('broken.npy')}`],
    /broken\.npy is no \.npy file .*: its first bytes differ/,
  ),
  run('a short tensor', ['--input', `image=${at('short.npy')}`], /16 bytes of elements, its shape needs 49152/),
  run('another shape', ['--input', `image=${at('other-shape.npy')}`], /input "image" is 1x3x64x64, it can't be 1x3/),
  run('an unknown input', ['--input', `other=${at('other-shape.npy')}`], /no input "other"; its inputs are "image"/),
  run('a missing tensor', ['--input', `image=${at('missing.npy')}`], /missing\.npy can't be read: no such file/),

  {
    what: 'bench at a size that the model lacks',
    args: ['bench', at('model.onnx'), '--size', '96'],
    says: /input "image" is fixed to 1x3x64x64/,
  },
  { what: 'bench of a missing model', args: ['bench', at('missing.onnx')], says: /missing\.onnx can't be read/ },
  { what: 'bench of no model', args: ['bench', at('foreign.onnx')], says: /foreign\.onnx is a text file/ },
  { what: 'inspect of no model', args: ['inspect', at('truncated.onnx')], says: /truncated\.onnx/ },
  { what: 'an unknown command', args: ['detct'], says: /unknown command 'detct' \(Did you mean detect\?\)/ },
  { what: 'no picture', args: ['detect'], says: /missing required argument 'images'/ },
  ...['quantize', 'convert', 'export'].map((verb) => ({
    what: verb,
    args: [verb, 'a.pt', '--out', 'b', '--images', 'c'],
    says: new RegExp(`the command ${verb} is not built yet`),
  })),
];

describe('bad input is refused in one line, with exit status 1', () => {
  it.concurrent.for(cases)('$what', async ({ args, says, env }, { expect }) => {
    const { status, stdout, stderr } = await onelook(args, { env });
    expect(stderr).toMatch(/^onelook: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain('unexpected failure');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  });

  it('and leaves nothing behind', async ({ expect }) => {
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

/** Where every write fails with another error than elsewhere; Node's own recursive mkdir never ends there. */
describe.skipIf(process.platform !== 'linux')('an output folder in /proc (Linux only)', () => {
  it('is refused', async ({ expect }) => {
    const { status, stderr } = await onelook(['detect', SCENE, '--out', '/proc/onelook']);
    expect(stderr).toMatch(/^onelook: can't write into \/proc\/onelook: [^\n]+\n$/);
    expect(status).toBe(1);
  });
});
