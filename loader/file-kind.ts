import { ModelFormatError } from '../engine/errors.ts';
import type { ModelFile } from './model-file.ts';

type ModelFormat = ModelFile['format'];

/** A format that holds models, or what else the file is, in words. */
type FileKind = { readonly format: ModelFormat } | { readonly foreign: string; readonly advice?: string };

/** How far into a file a text is looked at. */
const TEXT_PREFIX = 4096;

const signatures: readonly { readonly bytes: readonly number[]; readonly what: string }[] = [
  { bytes: [0x1f, 0x8b], what: 'a gzip archive' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], what: 'a zstd archive' },
  { bytes: [0x37, 0x7a, 0xbc, 0xaf], what: 'a 7z archive' },
  { bytes: [0x89, 0x48, 0x44, 0x46], what: 'an HDF5 (Keras) file' },
  { bytes: [0x89, 0x50, 0x4e, 0x47], what: 'a PNG picture' },
  { bytes: [0xff, 0xd8, 0xff], what: 'a JPEG picture' },
  { bytes: [0x93, 0x4e, 0x55, 0x4d], what: 'a NumPy array' },
  { bytes: [0x47, 0x47, 0x55, 0x46], what: 'a GGUF file' },
];

/**
 * Tells what a file is. ONNX has no signature: it is what nothing else claims, and its parser has the last word.
 *
 * @param source The file's name or address, which tells safetensors where the first bytes are damaged.
 */
function fileKind(bytes: Uint8Array, source: string): FileKind {
  if (bytes.length === 0) return { foreign: 'an empty file', advice: 'was the download cut off?' };
  if (source.endsWith('.safetensors') || startsAsSafetensors(bytes)) return { format: 'safetensors' };
  const signature = signatures.find((candidate) => startsWith(bytes, candidate.bytes));
  if (signature !== undefined) return { foreign: signature.what };
  return zipKind(bytes) ?? binaryKind(bytes) ?? textKind(bytes) ?? { format: 'onnx' };
}

/**
 * What a file is, if it can be a model: see `fileKind`.
 *
 * @throws ModelFormatError saying what it is if it can't.
 */
export function modelFormat(bytes: Uint8Array, source: string): ModelFormat {
  const kind = fileKind(bytes, source);
  if ('format' in kind) return kind.format;
  const advice = kind.advice === undefined ? '' : `; ${kind.advice}`;
  throw new ModelFormatError(`${source} is ${kind.foreign}, not an ONNX or safetensors model${advice}`);
}

/** A header length that fits, and the brace that opens the header. */
function startsAsSafetensors(bytes: Uint8Array): boolean {
  return bytes[8] === 0x7b && bytes[5] === 0 && bytes[6] === 0 && bytes[7] === 0;
}

/** A PyTorch checkpoint is a zip archive whose first member is the pickle of its objects. */
function zipKind(bytes: Uint8Array): FileKind | undefined {
  if (!startsWith(bytes, [0x50, 0x4b, 0x03, 0x04])) return undefined;
  if (latin1(bytes, TEXT_PREFIX).includes('data.pkl')) return { format: 'pytorch' };
  return { foreign: 'a zip archive', advice: 'unpack it first' };
}

function binaryKind(bytes: Uint8Array): FileKind | undefined {
  if (bytes.length < 8) return undefined;
  // A bare pickle of protocol 2 or later: PyTorch before 1.6.
  if (bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5) return { format: 'pytorch' };
  const identifier = latin1(bytes.subarray(4), 4);
  const words = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const first = words.getUint32(0, true);
  if (first < bytes.length && identifier === 'TFL3') {
    return { foreign: 'a TensorFlow Lite flatbuffer', advice: 'export the network to ONNX' };
  }
  if (first < bytes.length && identifier === 'ORTM') {
    return { foreign: 'an ONNX Runtime flatbuffer (.ort)', advice: 'use the .onnx file that it was made from' };
  }
  // Darknet weights begin with their version, 0.1 or 0.2, as two 32-bit integers.
  const second = words.getUint32(4, true);
  if (first === 0 && (second === 1 || second === 2)) return { format: 'darknet' };
  return undefined;
}

function textKind(bytes: Uint8Array): FileKind | undefined {
  const text = latin1(bytes, TEXT_PREFIX)
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (text.startsWith('version https://git-lfs')) {
    return { foreign: 'a Git LFS pointer', advice: 'fetch the file itself with "git lfs pull"' };
  }
  if (/^<(!doctype|html|head|body|!--)/i.test(text)) {
    return { foreign: 'an HTML page', advice: 'is the address that of the file itself?' };
  }
  if (text.startsWith('<?xml')) return { foreign: 'an XML file', advice: 'export the network to ONNX' };
  const firstLine = text
    .split('\n')
    .find((line) => !/^\s*([#;].*)?$/.test(line))
    ?.trim();
  if (firstLine === '[net]' || firstLine === '[network]') return { format: 'darknet' };
  if (/^[{[]\s*(["{[\]}]|-?\d)/.test(text)) return { foreign: 'a JSON file' };
  if (/^[\t\n\r\x20-\x7e]+$/.test(text)) return { foreign: 'a text file' };
  return undefined;
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}

function latin1(bytes: Uint8Array, length: number): string {
  return String.fromCharCode(...bytes.subarray(0, length));
}
