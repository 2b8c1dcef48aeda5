import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AbortError, ModelFormatError, ModelReadError } from '../../engine/errors.ts';
import { parseModel } from '../../loader/load.ts';
import type { ReadProgress } from '../../loader/read.ts';
import { readModelSource } from '../../loader/read-file.node.ts';
import { dataTypes, graphMessage, wrapGraph } from '../support/onnx-writer.ts';
import { ProtobufWriter } from '../support/protobuf-writer.ts';

const MODEL = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i === 0 ? 8 : i % 251));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onelook-read-'));
  writeFileSync(join(folder, 'model.onnx'), MODEL);
  writeFileSync(join(folder, 'empty.onnx'), '');
  writeFileSync(join(folder, 'page.onnx'), `<html>${' '.repeat(1000)}`);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a file', () => {
  test('by its path, with progress', async () => {
    const path = join(folder, 'model.onnx');
    const progress: ReadProgress[] = [];
    const { bytes, source } = await readModelSource(path, { onProgress: (step) => progress.push(step) });
    expect(Buffer.compare(bytes, MODEL)).toBe(0);
    expect(source).toBe(path);
    expect(progress[0]).toEqual({ loadedBytes: 0, totalBytes: MODEL.length });
    expect(progress.at(-1)).toEqual({ loadedBytes: MODEL.length, totalBytes: MODEL.length });
    expect(progress.length).toBeGreaterThan(3);
  });

  test('by its URL, as an object and as a string', async () => {
    const url = pathToFileURL(join(folder, 'model.onnx'));
    expect((await readModelSource(url)).bytes.length).toBe(MODEL.length);
    expect((await readModelSource(url.href)).bytes.length).toBe(MODEL.length);
  });

  test('that is empty', async () => {
    expect((await readModelSource(join(folder, 'empty.onnx'))).bytes.length).toBe(0);
  });

  test('that is not there', async () => {
    const path = join(folder, 'absent.onnx');
    await expect(readModelSource(path)).rejects.toThrow(ModelReadError);
    await expect(readModelSource(path)).rejects.toThrow(`${path} can't be read: there is no such file`);
    await expect(readModelSource(join(path, 'model.onnx'))).rejects.toThrow('there is no such file');
  });

  test('that is a folder', async () => {
    await expect(readModelSource(folder)).rejects.toThrow(ModelReadError);
    await expect(readModelSource(folder)).rejects.toThrow(`${folder} is a folder`);
  });

  test('that is an HTML page', async () => {
    await expect(readModelSource(join(folder, 'page.onnx'))).rejects.toThrow(ModelFormatError);
  });

  test('cancelled before and while it is read', async () => {
    const path = join(folder, 'model.onnx');
    await expect(readModelSource(path, { signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
    const controller = new AbortController();
    const onProgress = ({ loadedBytes }: ReadProgress) => {
      if (loadedBytes > 0) controller.abort();
    };
    await expect(readModelSource(path, { signal: controller.signal, onProgress })).rejects.toThrow(AbortError);
  });
});

test('bytes at hand and addresses are read as everywhere', async () => {
  expect((await readModelSource(MODEL)).bytes).toBe(MODEL);
  expect((await readModelSource('data:;base64,CAcS')).bytes).toEqual(Uint8Array.of(8, 7, 18));
  await expect(readModelSource('http://127.0.0.1:1/model.onnx')).rejects.toThrow(ModelReadError);
});

describe('tensors in files beside a model', () => {
  /** Writes a model with an int8 tensor of three elements that lies at byte 1 of another file. */
  function writeModel(name: string, location: string): string {
    const entry = (key: string, value: string) => new ProtobufWriter().string(1, key).string(2, value);
    const tensor = new ProtobufWriter().packedInts(1, [3]).int(2, dataTypes.int8).string(8, 'w').int(14, 1);
    tensor.message(13, entry('location', location)).message(13, entry('offset', '1'));
    const value = { name: 'w', type: 'int8', dims: [3] } as const;
    const graph = graphMessage({
      nodes: [{ operator: 'Identity', inputs: ['w'], outputs: ['y'] }],
      inputs: [],
      outputs: [{ ...value, name: 'y' }],
    });
    const path = join(folder, name);
    writeFileSync(path, wrapGraph(graph.message(5, tensor)).finish());
    return path;
  }

  async function load(path: string) {
    const { bytes, source, external } = await readModelSource(path);
    return parseModel(bytes, source, { external });
  }

  test('are found there', async () => {
    mkdirSync(join(folder, 'parts'));
    writeFileSync(join(folder, 'parts', 'weights.bin'), Uint8Array.of(9, 1, 2, 3));
    const file = await load(writeModel('external.onnx', 'parts/weights.bin'));
    expect(file.tensors.get('w')?.bytes).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('are named where they are missing', async () => {
    await expect(load(writeModel('missing.onnx', 'absent.bin'))).rejects.toThrow(
      'the external file "absent.bin", which is not there',
    );
  });

  test('can be no folder', async () => {
    mkdirSync(join(folder, 'not-a-file'));
    await expect(load(writeModel('folder.onnx', 'not-a-file'))).rejects.toThrow(ModelReadError);
  });
});
