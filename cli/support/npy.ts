import { InvalidArgumentError, type RawTensor } from '../../node.ts';

/** NumPy's .npy files (numpy.lib.format), versions 1 to 3: a magic, a header that is a Python literal, then the elements. */

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

interface NpyType {
  readonly descriptor: string;
  readonly bytes: number;
  readonly read: (buffer: ArrayBuffer) => RawTensor['data'];
}

const TYPES: { readonly [T in RawTensor['type']]: NpyType } = {
  float32: { descriptor: '<f4', bytes: 4, read: (buffer) => new Float32Array(buffer) },
  float64: { descriptor: '<f8', bytes: 8, read: (buffer) => new Float64Array(buffer) },
  float16: { descriptor: '<f2', bytes: 2, read: (buffer) => new Uint16Array(buffer) },
  int8: { descriptor: '|i1', bytes: 1, read: (buffer) => new Int8Array(buffer) },
  uint8: { descriptor: '|u1', bytes: 1, read: (buffer) => new Uint8Array(buffer) },
  int32: { descriptor: '<i4', bytes: 4, read: (buffer) => new Int32Array(buffer) },
  int64: { descriptor: '<i8', bytes: 8, read: (buffer) => new BigInt64Array(buffer) },
  bool: { descriptor: '|b1', bytes: 1, read: (buffer) => new Uint8Array(buffer) },
};

/** @throws InvalidArgumentError where the bytes are no .npy file, or one of a type or order that isn't supported */
export function parseNpy(file: Uint8Array, source: string): RawTensor {
  const broken = (reason: string) => new InvalidArgumentError(`${source} is no .npy file that can be read: ${reason}`);
  if (file.length < 12 || MAGIC.some((byte, index) => file[index] !== byte)) throw broken('its first bytes differ');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const wide = file[6] >= 2;
  const headerStart = wide ? 12 : 10;
  const headerLength = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = headerStart + headerLength;
  if (start > file.length) throw broken('it ends within its header');
  const header = new TextDecoder('latin1').decode(file.subarray(headerStart, start));
  const descriptor = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const dimensions = /'shape'\s*:\s*\(([^)]*)\)/.exec(header)?.[1];
  if (/'fortran_order'\s*:\s*True/.test(header)) throw broken('its elements are in column-major order');
  if (descriptor === undefined || dimensions === undefined) throw broken('its header has no type or shape');
  const found = Object.entries(TYPES).find(([, type]) => type.descriptor === descriptor);
  if (!found) throw broken(`its type ${descriptor} is not supported`);
  const dims = dimensions
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => (/^\d+$/.test(text) ? Number(text) : Number.NaN));
  if (dims.some(Number.isNaN)) throw broken(`its shape (${dimensions}) is no list of sizes`);
  const size = dims.reduce((count, dim) => count * dim, 1) * found[1].bytes;
  if (start + size !== file.length) {
    throw broken(`it has ${file.length - start} bytes of elements, its shape needs ${size}`);
  }
  // A copy, because typed arrays want their own alignment. (A Buffer's `slice` would be none.)
  const { buffer } = new Uint8Array(file.subarray(start));
  return { type: found[0] as RawTensor['type'], dims, data: found[1].read(buffer) };
}

export function writeNpy({ type, dims, data }: RawTensor): Uint8Array {
  const shape = `(${dims.join(', ')}${dims.length === 1 ? ',' : ''})`;
  const text = `{'descr': '${TYPES[type].descriptor}', 'fortran_order': False, 'shape': ${shape}, }`;
  // The elements begin at a multiple of 64 bytes, and a newline ends the header.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const file = new Uint8Array(length + data.byteLength);
  file.set([...MAGIC, 1, 0, (length - 10) & 0xff, (length - 10) >> 8]);
  file.set(new TextEncoder().encode(`${text.padEnd(length - 11)}\n`), 10);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), length);
  return file;
}
