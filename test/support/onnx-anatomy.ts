import type { Anatomy } from './mutator.ts';

/** The submessages of a message, by field number, as onnx.proto has them. */
interface Schema {
  readonly [field: number]: Schema;
}

const entry: Schema = {};
const tensor: Schema = { 13: entry };
const attribute: Schema = { 5: tensor };
const node: Schema = { 5: attribute };
const dimension: Schema = {};
const shape: Schema = { 1: dimension };
const tensorType: Schema = { 2: shape };
const type: Schema = { 1: tensorType };
const value: Schema = { 2: type };
const graph: Schema = { 1: node, 5: tensor, 11: value, 12: value, 13: value };
const model: Schema = { 7: graph, 8: entry, 14: entry };

/** Contents of at least this many bytes are weights (or long texts), not structure. */
const WEIGHTS = 256;

/** Finds the lengths and the structure of a well-formed ONNX file, by its own reading of protobuf. */
export function onnxAnatomy(file: Uint8Array): Anatomy {
  const lengths: number[] = [];
  const isWeight = new Uint8Array(file.length);
  walk(0, file.length, model);
  const structure: number[] = [];
  for (let i = 0; i < file.length; i++) if (isWeight[i] === 0) structure.push(i);
  return { structure, lengths };

  function walk(start: number, end: number, schema: Schema): void {
    let position = start;
    const varint = (): number => {
      let number = 0;
      for (let factor = 1; ; factor *= 128) {
        const byte = file[position++];
        number += (byte % 128) * factor;
        if (byte < 128) return number;
      }
    };
    while (position < end) {
      const tag = varint();
      const wireType = tag % 8;
      if (wireType === 0) varint();
      else if (wireType === 1) position += 8;
      else if (wireType === 5) position += 4;
      else {
        lengths.push(position);
        const length = varint();
        const submessage = schema[Math.floor(tag / 8)];
        if (submessage !== undefined) walk(position, position + length, submessage);
        else if (length >= WEIGHTS) isWeight.fill(1, position, position + length);
        position += length;
      }
    }
  }
}
