import { AbortError, InvalidArgumentError, ModelReadError, throwIfAborted } from '../engine/errors.ts';
import { modelFormat } from './file-kind.ts';
import type { ExternalFiles } from './onnx/context.ts';

/** Where a model comes from. A string is a URL here; in Node it may also be a path (see `read-file.node.ts`). */
export type ModelSource = string | URL | Blob | ArrayBuffer | Uint8Array;

export interface ReadProgress {
  readonly loadedBytes: number;
  /** Absent where it isn't known, as with most compressed responses. */
  readonly totalBytes?: number;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** Called as bytes arrive, at least once at the beginning and once at the end. */
  readonly onProgress?: (progress: ReadProgress) => void;
}

export interface ModelBytes {
  readonly bytes: Uint8Array;
  /** For messages: a file name, or a URL without its query and credentials. */
  readonly source: string;
  /** The files beside the model, where they can be had. */
  readonly external?: ExternalFiles;
}

/** A file's length is allocated at once up to here, and beyond only as its bytes arrive: it is but a claim. */
const LARGEST_ALLOCATION = 2 ** 28;
/** The least bytes of a first chunk that tell what the file is. */
const RECOGNISABLE_BYTES = 512;

/**
 * Reads a model's bytes. A download that turns out to be something else, such as an HTML page, ends with its first
 * bytes.
 *
 * @throws AbortError, ModelReadError (with the HTTP status, where there is one), ModelFormatError, and
 *   InvalidArgumentError where the source is none of these.
 */
export async function readModelBytes(source: ModelSource, options: ReadOptions = {}): Promise<ModelBytes> {
  throwIfAborted(options.signal, 'Reading the model');
  if (source instanceof ArrayBuffer) return wholeBytes(new Uint8Array(source), options);
  if (source instanceof Uint8Array) return wholeBytes(source, options);
  if (source instanceof Blob) {
    const name = source instanceof File && source.name !== '' ? source.name : 'the model';
    return { bytes: await collectBytes(streamChunks(source.stream()), source.size, name, options), source: name };
  }
  if (typeof source === 'string' || source instanceof URL) return download(String(source), options);
  throw new InvalidArgumentError('a model is given as a URL, Blob, ArrayBuffer or Uint8Array');
}

function wholeBytes(bytes: Uint8Array, { onProgress }: ReadOptions): ModelBytes {
  onProgress?.({ loadedBytes: bytes.length, totalBytes: bytes.length });
  return { bytes, source: 'the model' };
}

async function download(url: string, options: ReadOptions): Promise<ModelBytes> {
  const source = displayName(url);
  const response = await fetch(url, { signal: options.signal }).catch((cause) => {
    throw readFailure(cause, source, options);
  });
  if (!response.ok) {
    await response.body?.cancel();
    const status = `${response.status} ${response.statusText}`.trim();
    throw new ModelReadError(`${source} can't be downloaded: the server answers HTTP ${status}`);
  }
  // Content-Length counts compressed bytes, the body gives them decompressed.
  const stated = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  const totalBytes = stated !== null && /^\d+$/.test(stated) ? Number(stated) : undefined;
  const chunks = response.body === null ? emptyChunks() : streamChunks(response.body);
  return { bytes: await collectBytes(chunks, totalBytes, source, options), source };
}

/**
 * Collects chunks into one buffer, allocated at once where the total is known.
 *
 * @param totalBytes What the chunks are said to add up to. Not believed: more or fewer may come.
 * @throws AbortError, ModelReadError where the chunks fail, ModelFormatError where they are no model.
 */
export async function collectBytes(
  chunks: AsyncIterable<Uint8Array>,
  totalBytes: number | undefined,
  source: string,
  options: ReadOptions,
): Promise<Uint8Array> {
  const { signal, onProgress } = options;
  const buffer = new Uint8Array(totalBytes !== undefined && totalBytes <= LARGEST_ALLOCATION ? totalBytes : 0);
  const beyond: Uint8Array[] = [];
  let buffered = 0;
  let loadedBytes = 0;
  const report = () => {
    const isTotalRight = totalBytes !== undefined && loadedBytes <= totalBytes;
    onProgress?.(isTotalRight ? { loadedBytes, totalBytes } : { loadedBytes });
  };
  report();
  for await (const chunk of namedChunks(chunks, source, options)) {
    throwIfAborted(signal, `Reading ${source}`);
    if (loadedBytes === 0 && chunk.length >= RECOGNISABLE_BYTES) modelFormat(chunk, source);
    if (beyond.length === 0 && buffered + chunk.length <= buffer.length) {
      buffer.set(chunk, buffered);
      buffered += chunk.length;
    } else {
      beyond.push(chunk);
    }
    loadedBytes += chunk.length;
    report();
  }
  const parts = [buffer.subarray(0, buffered), ...beyond];
  return beyond.length === 0 ? parts[0] : joined(parts, loadedBytes);
}

/** The same chunks; where they fail, the error names the source. */
async function* namedChunks(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
  options: ReadOptions,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (cause) {
    throw readFailure(cause, source, options);
  }
}

/** What a failure of `fetch`, a stream or a file is to the caller. */
function readFailure(cause: unknown, source: string, { signal }: ReadOptions): AbortError | ModelReadError {
  if (signal?.aborted) return new AbortError(`Reading ${source} was cancelled`, { cause });
  return new ModelReadError(`${source} can't be read: ${reason(cause)}`, { cause });
}

/** `fetch` hides the reason of a network failure in the cause of its error. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}

/** The chunks of a stream, which is cancelled where they aren't read to the end. */
async function* streamChunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Not every browser can iterate over a ReadableStream itself.
  const reader = stream.getReader();
  let done = false;
  try {
    while (!done) {
      const result = await reader.read();
      done = result.done;
      if (result.value !== undefined) yield result.value;
    }
  } finally {
    if (!done) await reader.cancel();
  }
}

async function* emptyChunks(): AsyncGenerator<Uint8Array> {}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function displayName(url: string): string {
  if (url.startsWith('data:')) return 'the data URL';
  return url.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}
