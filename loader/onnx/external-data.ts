import { ModelFormatError, quote } from '../../engine/errors.ts';
import type { ReadContext } from './context.ts';

/**
 * The bytes of a tensor that lies in another file (TensorProto.external_data: location, and optionally offset and
 * length). Nothing but a relative path below the model's own folder is asked for.
 */
export function readExternalData(
  entries: ReadonlyMap<string, string>,
  byteLength: number,
  where: string,
  context: ReadContext,
): Uint8Array {
  const location = safeLocation(entries.get('location') ?? '', where);
  const file = context.external?.(location);
  if (file === undefined) {
    throw new ModelFormatError(
      `${where} lies in the external file ${quote(location)}, which is not there; put it beside`,
    );
  }
  const offset = byteCount(entries, 'offset', where) ?? 0;
  const length = byteCount(entries, 'length', where) ?? byteLength;
  if (offset + length > file.length) {
    throw new ModelFormatError(
      `${where} lies at bytes ${offset} to ${offset + length} of ${quote(location)}, which has ${file.length}; ` +
        'the file is damaged or of another model',
    );
  }
  return file.subarray(offset, offset + length);
}

function safeLocation(location: string, where: string): string {
  const parts = location.split('/').filter((part) => part !== '.');
  // A backslash or colon is a separator or drive on some systems, a NUL ends a path early on others.
  const isSafe = !/[\\:\0]/.test(location) && parts.every((part) => part !== '' && part !== '..');
  if (parts.length > 0 && isSafe) return parts.join('/');
  throw new ModelFormatError(`${where} lies in ${quote(location)}, which is not a path inside the model's folder`);
}

function byteCount(entries: ReadonlyMap<string, string>, key: string, where: string): number | undefined {
  const text = entries.get(key);
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new ModelFormatError(`${where} has an external ${key} ${quote(text)}, which is no number of bytes`);
}
