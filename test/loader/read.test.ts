import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AbortError, InvalidArgumentError, ModelFormatError, ModelReadError } from '../../engine/errors.ts';
import { type ReadProgress, readModelBytes } from '../../loader/read.ts';

const MODEL = Uint8Array.from({ length: 300_000 }, (_, i) => (i === 0 ? 8 : i % 251));
const HTML = `<!doctype html><title>Sign in</title>${' '.repeat(2000)}`;

const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/sized.onnx': (_, response) => {
    response.writeHead(200, { 'content-length': MODEL.length });
    response.end(MODEL);
  },
  '/unsized.onnx': (_, response) => {
    response.write(MODEL.subarray(0, 1000));
    response.end(MODEL.subarray(1000));
  },
  '/page.onnx': (_, response) => response.end(HTML),
  '/endless-page.onnx': (_, response) => {
    response.write(HTML);
  },
  '/cut.onnx': (_, response) => {
    response.writeHead(200, { 'content-length': MODEL.length });
    response.write(MODEL.subarray(0, 1000), () => response.destroy());
  },
  '/stalled.onnx': (_, response) => {
    response.writeHead(200, { 'content-length': MODEL.length });
    response.write(MODEL.subarray(0, 1000));
  },
  '/silent.onnx': () => {},
  '/empty.onnx': (_, response) => response.end(),
};

const server = createServer((request, response) => {
  const route = routes[new URL(request.url ?? '', 'http://localhost').pathname];
  if (route !== undefined) route(request, response);
  else response.writeHead(404).end('nothing here');
});
let base = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('bytes at hand', () => {
  const cases: [string, ArrayBuffer | Uint8Array | Blob, string][] = [
    ['a Uint8Array', MODEL, 'the model'],
    ['an ArrayBuffer', MODEL.slice().buffer, 'the model'],
    ['a Blob', new Blob([MODEL]), 'the model'],
    ['a File', new File([MODEL], 'dropped.onnx'), 'dropped.onnx'],
  ];
  test.each(cases)('%s', async (_, given, name) => {
    const progress: ReadProgress[] = [];
    const { bytes, source } = await readModelBytes(given, { onProgress: (step) => progress.push(step) });
    expect(source).toBe(name);
    expect(Buffer.compare(bytes, MODEL)).toBe(0);
    expect(progress.at(-1)).toEqual({ loadedBytes: MODEL.length, totalBytes: MODEL.length });
  });

  test('a Uint8Array is not copied', async () => {
    expect((await readModelBytes(MODEL)).bytes).toBe(MODEL);
  });

  test('an empty Blob', async () => {
    expect((await readModelBytes(new Blob([]))).bytes.length).toBe(0);
  });
});

describe('a URL', () => {
  test('of known size: one buffer, and progress towards it', async () => {
    const progress: ReadProgress[] = [];
    const url = new URL(`${base}/sized.onnx?token=secret#part`);
    const { bytes, source } = await readModelBytes(url, { onProgress: (step) => progress.push(step) });
    expect(Buffer.compare(bytes, MODEL)).toBe(0);
    expect(bytes.buffer.byteLength).toBe(MODEL.length);
    expect(source).toBe(`${base}/sized.onnx`);
    expect(progress[0]).toEqual({ loadedBytes: 0, totalBytes: MODEL.length });
    expect(progress.at(-1)).toEqual({ loadedBytes: MODEL.length, totalBytes: MODEL.length });
    const loaded = progress.map(({ loadedBytes }) => loadedBytes);
    expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
  });

  test('of unknown size', async () => {
    const progress: ReadProgress[] = [];
    const { bytes } = await readModelBytes(`${base}/unsized.onnx`, { onProgress: (step) => progress.push(step) });
    expect(Buffer.compare(bytes, MODEL)).toBe(0);
    expect(progress.at(-1)).toEqual({ loadedBytes: MODEL.length });
  });

  test('that holds the data itself', async () => {
    const { bytes, source } = await readModelBytes('data:application/octet-stream;base64,CAcS');
    expect(bytes).toEqual(Uint8Array.of(8, 7, 18));
    expect(source).toBe('the data URL');
  });

  test('with an empty body', async () => {
    expect((await readModelBytes(`${base}/empty.onnx`)).bytes.length).toBe(0);
  });

  test('that is not there: the status is in the message, its query is not', async () => {
    const reading = readModelBytes(`${base}/absent.onnx?token=secret`);
    await expect(reading).rejects.toThrow(ModelReadError);
    await expect(reading).rejects.toThrow(`${base}/absent.onnx can't be downloaded: the server answers HTTP 404`);
  });

  test('of a server that is not there', async () => {
    await expect(readModelBytes('http://127.0.0.1:1/model.onnx')).rejects.toThrow(ModelReadError);
  });

  test('of no known scheme', async () => {
    await expect(readModelBytes('nonsense://model.onnx')).rejects.toThrow(ModelReadError);
  });

  test('whose connection breaks', async () => {
    await expect(readModelBytes(`${base}/cut.onnx`)).rejects.toThrow(ModelReadError);
  });

  test.each(['page', 'endless-page'])('that is an HTML page (%s)', async (page) => {
    const reading = readModelBytes(`${base}/${page}.onnx`);
    await expect(reading).rejects.toThrow(ModelFormatError);
    await expect(reading).rejects.toThrow('.onnx is an HTML page');
  });
});

test('what is no source of bytes is refused', async () => {
  for (const source of [undefined, null, 5, {}]) {
    await expect(readModelBytes(source as unknown as string)).rejects.toThrow(InvalidArgumentError);
  }
});

test("an error of the caller's own progress function is passed on as it is", async () => {
  const own = new Error('the page is gone');
  const onProgress = ({ loadedBytes }: ReadProgress) => {
    if (loadedBytes > 0) throw own;
  };
  await expect(readModelBytes(`${base}/sized.onnx`, { onProgress })).rejects.toBe(own);
});

describe('cancelling', () => {
  test('before it begins', async () => {
    for (const source of [MODEL, new Blob([MODEL]), `${base}/sized.onnx`]) {
      await expect(readModelBytes(source, { signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
    }
  });

  test('before the server answers', async () => {
    const controller = new AbortController();
    const arrived = new Promise<void>((resolve) => server.once('request', () => resolve()));
    const reading = readModelBytes(`${base}/silent.onnx`, { signal: controller.signal });
    arrived.then(() => controller.abort());
    await expect(reading).rejects.toThrow(AbortError);
  });

  test('while bytes are awaited', async () => {
    const controller = new AbortController();
    const onProgress = ({ loadedBytes }: ReadProgress) => {
      if (loadedBytes > 0) controller.abort(new Error('enough'));
    };
    const reading = readModelBytes(`${base}/stalled.onnx`, { signal: controller.signal, onProgress });
    await expect(reading).rejects.toThrow(AbortError);
    await expect(reading).rejects.toThrow(`Reading ${base}/stalled.onnx was cancelled`);
  });

  test('while a Blob is read', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const reading = readModelBytes(new Blob([MODEL]), { signal: controller.signal, onProgress });
    await expect(reading).rejects.toThrow(AbortError);
  });
});
