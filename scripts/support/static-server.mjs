import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

/** @type {Readonly<Record<string, string>>} */
const MEDIA_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.mp4': 'video/mp4',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webm': 'video/webm',
  '.webp': 'image/webp',
};

/**
 * Serves folders on the loopback interface.
 * @param {Readonly<Record<string, string>>} folders from the beginning of a URL's path ('/', '/dist/') to a folder; the
 *   longest beginning that matches counts
 * @param {{ port?: number }} [options] port 0, the default, takes a free one
 * @returns {Promise<{ url: string, close: () => Promise<void> }>} `url` ends with a slash
 */
export async function startStaticServer(folders, { port = 0 } = {}) {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer((request, response) => {
    respond(request, response, (path) => locate(path, prefixes, folders)).catch(() => end(response, 500));
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(undefined));
  });
  const address = server.address();
  const actualPort = address !== null && typeof address === 'object' ? address.port : port;
  return {
    url: `http://127.0.0.1:${actualPort}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * The file that a URL's path means, or undefined where it lies outside of the folders.
 * @param {string} path
 * @param {readonly string[]} prefixes
 * @param {Readonly<Record<string, string>>} folders
 */
function locate(path, prefixes, folders) {
  const prefix = prefixes.find((candidate) => path.startsWith(candidate));
  if (prefix === undefined || path.includes('\0')) return undefined;
  const relative = normalize(path.slice(prefix.length) || '.');
  if (relative === '..' || relative.startsWith(`..${sep}`)) return undefined;
  const file = join(folders[prefix], relative);
  return path.endsWith('/') ? join(file, 'index.html') : file;
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @param {(path: string) => string | undefined} locateFile
 */
async function respond(request, response, locateFile) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405);
  const path = decodePath(request.url ?? '/');
  const file = path === undefined ? undefined : locateFile(path);
  const found = file === undefined ? undefined : await stat(file).catch(() => undefined);
  if (file === undefined || !found?.isFile()) return end(response, 404);

  const range = byteRange(request.headers.range, found.size);
  response.setHeader('Content-Type', MEDIA_TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Content-Length', range.end - range.start);
  if (range.partial) response.setHeader('Content-Range', `bytes ${range.start}-${range.end - 1}/${found.size}`);
  response.writeHead(range.partial ? 206 : 200);
  if (request.method === 'HEAD' || range.end === range.start) return void response.end();
  const stream = createReadStream(file, { start: range.start, end: range.end - 1 });
  stream.on('error', () => response.destroy());
  stream.pipe(response);
}

/** @param {string} url */
function decodePath(url) {
  try {
    return decodeURIComponent(url.split(/[?#]/)[0]);
  } catch {
    return undefined;
  }
}

/**
 * A single range of bytes, which a video element asks for when it seeks; anything else gets the whole file.
 * @param {string | undefined} header
 * @param {number} size
 */
function byteRange(header, size) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  const start = Number(match?.[1]);
  if (!match || start >= size) return { start: 0, end: size, partial: false };
  return { start, end: match[2] ? Math.min(Number(match[2]) + 1, size) : size, partial: true };
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 */
function end(response, status) {
  if (!response.headersSent) response.writeHead(status, { 'Content-Type': 'text/plain' });
  response.end();
}
