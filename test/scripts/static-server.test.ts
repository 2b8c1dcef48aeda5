import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStaticServer } from '../../scripts/support/static-server.mjs';

const root = mkdtempSync(join(tmpdir(), 'onelook-server-'));
let server: Awaited<ReturnType<typeof startStaticServer>>;

beforeAll(async () => {
  mkdirSync(join(root, 'site/inner'), { recursive: true });
  mkdirSync(join(root, 'built'));
  writeFileSync(join(root, 'site/index.html'), '<p>home</p>');
  writeFileSync(join(root, 'site/inner/index.html'), '<p>inner</p>');
  writeFileSync(join(root, 'site/with space.txt'), '0123456789');
  writeFileSync(join(root, 'built/main.js'), 'export {};');
  writeFileSync(join(root, 'secret.txt'), 'secret');
  server = await startStaticServer({ '/': join(root, 'site'), '/dist/': join(root, 'built') });
});

afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

/** A request whose path is sent as it is written: fetch would resolve `..` itself. */
function raw(
  path: string,
  method = 'GET',
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('the static server', () => {
  it.each([
    ['', '<p>home</p>', 'text/html; charset=utf-8'],
    ['inner/', '<p>inner</p>', 'text/html; charset=utf-8'],
    ['dist/main.js?version=1', 'export {};', 'text/javascript; charset=utf-8'],
    ['with%20space.txt', '0123456789', 'text/plain; charset=utf-8'],
  ])('serves /%s', async (path, body, type) => {
    const response = await fetch(server.url + path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).toBe(body);
  });

  it('serves a range of bytes', async () => {
    const response = await fetch(`${server.url}with%20space.txt`, { headers: { Range: 'bytes=2-4' } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe('bytes 2-4/10');
    expect(await response.text()).toBe('234');
  });

  it('answers HEAD without a body', async () => {
    const response = await fetch(`${server.url}dist/main.js`, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('10');
    expect(await response.text()).toBe('');
  });

  it.each([
    '/../secret.txt',
    '/dist/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/inner',
    '/none',
    '/%ff',
    '/%00',
  ])('refuses %s', async (path) => {
    expect(await raw(path)).toEqual({ status: 404, body: '' });
  });

  it('refuses other methods', async () => {
    expect((await raw('/', 'POST')).status).toBe(405);
  });

  it('listens on the loopback interface only', () => {
    expect(new URL(server.url).hostname).toBe('127.0.0.1');
  });
});
