import type { ProtobufReader } from './protobuf.ts';

/** Reads a StringStringEntryProto: metadata, and where external data lies. */
export function readStringEntry(reader: ProtobufReader): { key: string; value: string } {
  let key = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) key = reader.string();
    else if (reader.field === 2) value = reader.string();
    else reader.skip();
  }
  return { key, value };
}
