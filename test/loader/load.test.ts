import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ModelFormatError, UnsupportedModelError } from '../../engine/errors.ts';
import { parseModel } from '../../loader/load.ts';
import { writeSafetensors } from '../../loader/safetensors.ts';
import { writeOnnx } from '../support/onnx-writer.ts';
import { sharedPath } from '../support/shared.ts';
import { storeTensor } from '../support/tensor-bytes.ts';

const value = { name: 'x', type: 'float32', dims: [1] } as const;
const onnx = writeOnnx({
  inputs: [value],
  outputs: [{ ...value, name: 'y' }],
  nodes: [{ operator: 'Relu', inputs: ['x'], outputs: ['y'] }],
});
const safetensors = writeSafetensors([storeTensor({ ...value, data: [1] })]);

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

describe('the format is told from the bytes', () => {
  test('ONNX and safetensors, whatever their names', async () => {
    expect((await parseModel(onnx, 'model.bin')).format).toBe('onnx');
    expect((await parseModel(safetensors, 'model.bin')).format).toBe('safetensors');
  });

  test("a plain view is made of Node's Buffer", async () => {
    const tensor = (await parseModel(Buffer.from(safetensors), 'test')).tensors.get('x');
    expect(Object.getPrototypeOf(tensor?.bytes)).toBe(Uint8Array.prototype);
  });

  test('a safetensors file that lost its beginning is known by its name', async () => {
    await expect(parseModel(safetensors.subarray(1), 'a.safetensors')).rejects.toThrow('claims a safetensors header');
  });
});

describe('what it is not is said', () => {
  test.each<[string, Uint8Array]>([
    ['an empty file', new Uint8Array()],
    ['a zip archive', ascii('PK\x03\x04\x14\0\0\0\0\0weights/model.onnx')],
    ['a gzip archive', ascii('\x1f\x8b\x08\0\0\0\0\0')],
    ['an HTML page', ascii('\r\n<!DOCTYPE html>\n<html><title>Sign in</title></html>')],
    ['an HTML page', ascii('\xef\xbb\xbf<html>')],
    ['an XML file', ascii('<?xml version="1.0"?><net name="yolo"></net>')],
    ['a JSON file', ascii('{"error": "not found"}')],
    ['a JSON file', ascii('[\n  {"a": 1}]')],
    ['a Git LFS pointer', ascii('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n')],
    ['a TensorFlow Lite flatbuffer', ascii(`\x1c\0\0\0TFL3${'\0'.repeat(40)}`)],
    ['an ONNX Runtime flatbuffer', ascii(`\x18\0\0\0ORTM${'\0'.repeat(40)}`)],
    ['an HDF5 (Keras) file', ascii('\x89HDF\r\n\x1a\n')],
    ['a PNG picture', ascii('\x89PNG\r\n\x1a\n')],
    ['a JPEG picture', ascii('\xff\xd8\xff\xe0\0\x10JFIF')],
    ['a text file', ascii('Entry not found')],
  ])('%s', async (what, bytes) => {
    await expect(parseModel(bytes, 'model.onnx')).rejects.toThrow(ModelFormatError);
    await expect(parseModel(bytes, 'model.onnx')).rejects.toThrow(`model.onnx is ${what}`);
  });

  test.each<[string, Uint8Array]>([
    ['zeros', new Uint8Array(100)],
    ['noise', ascii('\xfe\x13\x77\xa9\x01\x02\x03\x99')],
    ['one byte', Uint8Array.of(8)],
  ])('%s: at least that it is no ONNX', async (_, bytes) => {
    await expect(parseModel(bytes, 'model.onnx')).rejects.toThrow(ModelFormatError);
    await expect(parseModel(bytes, 'model.onnx')).rejects.toThrow(/model\.onnx.*damaged or not ONNX/);
  });
});

describe('checkpoints are known and refused', () => {
  test.each<[string, Uint8Array, string]>([
    ['a PyTorch zip', ascii('PK\x03\x04\0\0\x08\x08archive/data.pkl'), 'PyTorch'],
    ['a PyTorch pickle', ascii('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P'), 'PyTorch'],
    ['a Darknet cfg', ascii('# comment\n\n; another\n  [net]\nbatch=1\n'), 'Darknet'],
    ['a Darknet cfg with DOS line ends', ascii('[network]\r\nbatch=1\r\n'), 'Darknet'],
    ['Darknet weights', ascii('\0\0\0\0\x02\0\0\0\x05\0\0\0'), 'Darknet'],
  ])('%s', async (_, bytes, name) => {
    await expect(parseModel(bytes, 'model.pt')).rejects.toThrow(UnsupportedModelError);
    await expect(parseModel(bytes, 'model.pt')).rejects.toThrow(
      `model.pt: reading ${name} checkpoints is not built yet`,
    );
  });

  const files = ['yolov5n.pt', 'yolo-fastest-1.1.weights', 'yolo-fastest-1.1.cfg', 'darknet-cfg/yolov4-csp-swish.cfg'];
  test.for(files)('%s (needs ../shared/models)', async (file, { skip }) => {
    const path = sharedPath('models', file);
    if (path === undefined) return skip('../shared/models is absent');
    await expect(parseModel(readFileSync(path), file)).rejects.toThrow(/checkpoints is not built yet/);
  });
});
