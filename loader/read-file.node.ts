import { createReadStream, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModelReadError, throwIfAborted } from '../engine/errors.ts';
import type { ExternalFiles } from './onnx/context.ts';
import { collectBytes, type ModelBytes, type ModelSource, type ReadOptions, readModelBytes } from './read.ts';

const CHUNK_BYTES = 2 ** 20;

/**
 * Reads a model's bytes in Node: a string is a path unless it begins with http:, https:, data: or blob:. Files beside a
 * model read from a path are found where the model asks for them.
 *
 * @throws AbortError, ModelReadError, ModelFormatError.
 */
export async function readModelSource(source: ModelSource, options: ReadOptions = {}): Promise<ModelBytes> {
  if (source instanceof URL && source.protocol === 'file:') return readModelFile(fileURLToPath(source), options);
  if (typeof source !== 'string' || /^(https?|data|blob):/i.test(source)) return readModelBytes(source, options);
  return readModelFile(source.startsWith('file:') ? fileURLToPath(source) : source, options);
}

async function readModelFile(path: string, options: ReadOptions): Promise<ModelBytes> {
  throwIfAborted(options.signal, `Reading ${path}`);
  let totalBytes: number | undefined;
  try {
    const status = await stat(path);
    if (status.isDirectory()) throw new ModelReadError(`${path} is a folder; name the model file in it`);
    if (status.isFile()) totalBytes = status.size;
  } catch (cause) {
    throw readError(path, cause);
  }
  const chunks = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal: options.signal });
  const bytes = await collectBytes(chunks, totalBytes, path, options);
  return { bytes, source: path, external: filesBeside(path) };
}

/** The files in a model's folder. Each is read once, when the model first asks for it. */
function filesBeside(path: string): ExternalFiles {
  const files = new Map<string, Uint8Array>();
  return (location) => {
    const known = files.get(location);
    if (known !== undefined) return known;
    const beside = join(dirname(path), location);
    try {
      const buffer = readFileSync(beside);
      const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
      files.set(location, bytes);
      return bytes;
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return undefined;
      throw readError(beside, cause);
    }
  };
}

function readError(path: string, cause: unknown): ModelReadError {
  if (cause instanceof ModelReadError) return cause;
  const isAbsent = ['ENOENT', 'ENOTDIR'].includes(errorCode(cause));
  const reason = isAbsent ? 'there is no such file' : cause instanceof Error ? cause.message : String(cause);
  return new ModelReadError(`${path} can't be read: ${reason}`, { cause });
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
