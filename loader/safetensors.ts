/**
 * safetensors: eight bytes with the header's length, a JSON header that states type, shape and place of each tensor, and
 * the tensors' bytes. (https://huggingface.co/docs/safetensors, "Format")
 */
import { InvalidArgumentError, ModelFormatError, quote, UnsupportedModelError } from '../engine/errors.ts';
import { bytesPerStoredElement, elementCount } from './decode.ts';
import type { ModelFile, StoredTensor, StoredType } from './model-file.ts';

/** The format's own bound on the header. */
const LARGEST_HEADER = 100_000_000;
const LENGTH_BYTES = 8;
/** Far more than any network has. */
const LARGEST_RANK = 32;
const METADATA_KEY = '__metadata__';

const dtypes: Readonly<Record<StoredType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};
const storedTypes = new Map(Object.entries(dtypes).map(([type, dtype]) => [dtype, type as StoredType]));

/**
 * Reads a safetensors file. Tensors stay where they lie in `bytes`, which must not change afterwards.
 *
 * @throws ModelFormatError where the header is malformed, or the tensors don't cover the bytes exactly once.
 * @throws UnsupportedModelError listing the tensors of types that aren't read (sub-byte, 8-bit floats, complex).
 */
export function parseSafetensors(bytes: Uint8Array, source: string): ModelFile {
  const { header, data } = splitHeader(bytes, source);
  const metadata = readMetadata(header[METADATA_KEY], source);
  const entries = Object.entries(header)
    .filter(([name]) => name !== METADATA_KEY)
    .map(([name, entry]) => readEntry(name, entry, source));
  refuseUnsupported(entries, source);
  checkCoverage(entries, data.length, source);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const type = storedTypes.get(dtype);
    if (type === undefined) continue;
    const needed = elementCount(shape) * bytesPerStoredElement(type);
    if (end - begin !== needed) {
      throw new ModelFormatError(
        `${source}: tensor ${quote(name)} of ${dtype} [${shape.join(', ')}] needs ${needed} bytes but stores ${end - begin}`,
      );
    }
    tensors.set(name, { name, type, dims: shape, bytes: data.subarray(begin, end) });
  }
  return { format: 'safetensors', source, tensors, metadata };
}

/**
 * Writes a safetensors file. Tensors are ordered by element size, largest first, then by name, and the header is padded,
 * so that each tensor begins at a multiple of its element size; the same tensors always give the same bytes.
 *
 * @throws InvalidArgumentError where two tensors have one name, or one is named `__metadata__`.
 */
export function writeSafetensors(
  tensors: Iterable<StoredTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const ordered = Array.from(tensors).sort(
    (a, b) => bytesPerStoredElement(b.type) - bytesPerStoredElement(a.type) || (a.name < b.name ? -1 : 1),
  );
  const header = new Map<string, unknown>();
  if (metadata.size > 0) header.set(METADATA_KEY, Object.fromEntries(metadata));
  let dataLength = 0;
  for (const { name, type, dims, bytes } of ordered) {
    if (name === METADATA_KEY || header.has(name)) {
      throw new InvalidArgumentError(`the name ${quote(name)} of a tensor is taken; give it another`);
    }
    header.set(name, { dtype: dtypes[type], shape: dims, data_offsets: [dataLength, dataLength + bytes.length] });
    dataLength += bytes.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(LENGTH_BYTES + headerLength + dataLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(json, LENGTH_BYTES);
  file.fill(0x20, LENGTH_BYTES + json.length, LENGTH_BYTES + headerLength);
  let offset = LENGTH_BYTES + headerLength;
  for (const { bytes } of ordered) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function splitHeader(bytes: Uint8Array, source: string): { header: Record<string, unknown>; data: Uint8Array } {
  if (bytes.length < LENGTH_BYTES) {
    throw new ModelFormatError(`${source} has ${bytes.length} bytes, too few for a safetensors header`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  const headerLength = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  const dataStart = LENGTH_BYTES + headerLength;
  if (headerLength > LARGEST_HEADER || dataStart > bytes.length) {
    throw new ModelFormatError(
      `${source} claims a safetensors header of ${headerLength} bytes where ${bytes.length - LENGTH_BYTES} follow ` +
        `(and at most ${LARGEST_HEADER} are allowed); the file is truncated or damaged`,
    );
  }
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(LENGTH_BYTES, dataStart));
    header = JSON.parse(text);
  } catch (cause) {
    throw new ModelFormatError(`${source} has a safetensors header that is not JSON; the file is damaged`, { cause });
  }
  if (!isRecord(header)) throw new ModelFormatError(`${source} has a safetensors header that is no JSON object`);
  return { header, data: bytes.subarray(dataStart) };
}

function readMetadata(value: unknown, source: string): Map<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined) return metadata;
  if (!isRecord(value)) throw new ModelFormatError(`${source}: ${METADATA_KEY} is no JSON object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new ModelFormatError(`${source}: metadata ${quote(key)} is no string`);
    metadata.set(key, text);
  }
  return metadata;
}

function readEntry(name: string, entry: unknown, source: string): Entry {
  if (isRecord(entry)) {
    const { dtype, shape, data_offsets: offsets } = entry;
    if (typeof dtype === 'string' && isCounts(shape) && isCounts(offsets)) {
      const [begin, end] = offsets;
      if (shape.length <= LARGEST_RANK && offsets.length === 2 && begin <= end)
        return { name, dtype, shape, begin, end };
    }
  }
  throw new ModelFormatError(
    `${source}: tensor ${quote(name)} has no valid dtype, shape and data_offsets in the header`,
  );
}

function refuseUnsupported(entries: readonly Entry[], source: string): void {
  const features = entries
    .filter(({ dtype }) => !storedTypes.has(dtype))
    .map(({ name, dtype }) => ({
      node: name,
      operator: 'tensor',
      reason: `its type ${quote(dtype)} is not supported`,
    }));
  if (features.length === 0) return;
  const [first] = features;
  const more = features.length > 1 ? `, and ${features.length - 1} more like it` : '';
  throw new UnsupportedModelError(
    `${source} can't be read: tensor ${quote(first.node)}: ${first.reason}${more}`,
    features,
  );
}

/** The format has no gaps, and a tensor that shares another's bytes is a fault: together they cover the data once. */
function checkCoverage(entries: readonly Entry[], dataLength: number, source: string): void {
  let covered = 0;
  for (const { name, begin, end } of Array.from(entries).sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered || end > dataLength) {
      throw new ModelFormatError(
        `${source}: tensor ${quote(name)} lies at bytes ${begin} to ${end} where ${covered} is next ` +
          `and ${dataLength} bytes are there; the file is truncated or damaged`,
      );
    }
    covered = end;
  }
  if (covered !== dataLength) {
    throw new ModelFormatError(
      `${source} has ${dataLength - covered} bytes after its last tensor; the file is damaged`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An array of whole numbers from 0 on. */
function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
