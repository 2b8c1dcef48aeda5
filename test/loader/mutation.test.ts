/**
 * Damaged files: the loader reads what is still readable, refuses the rest with one of its own errors, and never needs
 * more memory than four times the file. A hang would show as a test that doesn't end.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ModelFormatError, UnsupportedModelError } from '../../engine/errors.ts';
import { bytesPerStoredElement, decodeFloats, elementCount } from '../../loader/decode.ts';
import { parseModel } from '../../loader/load.ts';
import type { AttributeValue, ModelFile, StoredTensor } from '../../loader/model-file.ts';
import { writeSafetensors } from '../../loader/safetensors.ts';
import { type Anatomy, Mutator } from '../support/mutator.ts';
import { onnxAnatomy } from '../support/onnx-anatomy.ts';
import * as onnx from '../support/onnx-writer.ts';
import { ProtobufWriter } from '../support/protobuf-writer.ts';
import { sharedPath } from '../support/shared.ts';
import { storeTensor } from '../support/tensor-bytes.ts';

const TOTAL = 10_000;
/** What a parse may allocate however small the file: parsed objects, messages, and what the test itself does. */
const FIXED_MEMORY = 2 ** 20;

/** Reads `count` mutations of a file. What fails is named by its number and description, which the seed repeats. */
async function readMutations(
  name: string,
  file: Uint8Array,
  anatomy: Anatomy,
  count: number,
  seed: number,
): Promise<void> {
  const mutator = new Mutator(file, anatomy, seed);
  const intact = await parseModel(file, name);
  let refused = 0;
  for (let i = 0; i < count; i++) {
    const { description, bytes, restore } = mutator.mutate();
    try {
      if (!(await isReadable(name, bytes, intact))) refused++;
    } catch (cause) {
      throw new Error(`mutation ${i} of seed ${seed} (${description}): ${cause}`, { cause });
    }
    restore();
  }
  // Damage that is always refused, or never noticed, would be no test.
  expect(refused).toBeGreaterThan(count / 10);
  expect(refused).toBeLessThan(count);
  expect(Buffer.compare(mutator.undamaged(), file)).toBe(0);
}

/** Whether the damaged file is read; throws where the loader breaks one of its promises. */
async function isReadable(name: string, bytes: Uint8Array, intact: ModelFile): Promise<boolean> {
  const before = allocated();
  let file: ModelFile | undefined;
  let failure: unknown;
  try {
    file = await parseModel(bytes, name);
  } catch (error) {
    failure = error;
  }
  const growth = allocated() - before;
  if (growth > 4 * bytes.length + FIXED_MEMORY) throw new Error(`${growth} bytes allocated for ${bytes.length}`);
  if (file === undefined) {
    checkRefusal(failure, name);
    return false;
  }
  for (const tensor of changedTensors(file, intact)) checkElements(tensor);
  return true;
}

/** Bytes allocated by now: no collection between two calls, or a lower second figure. */
function allocated(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function checkRefusal(error: unknown, name: string): void {
  if (!(error instanceof ModelFormatError || error instanceof UnsupportedModelError)) throw error;
  if (!error.message.startsWith(name)) throw new Error(`the message does not name the file: ${error.message}`);
  if (/\n/.test(error.message) || error.message.length > 2000) throw new Error(`the message is long: ${error.message}`);
}

/** A few of the tensors that are not as they were. */
function changedTensors(file: ModelFile, intact: ModelFile): StoredTensor[] {
  const constants = (file.graph?.nodes ?? []).flatMap(({ attributes }) => Array.from(attributes.values(), tensorsOf));
  const stored = Array.from(file.tensors.values()).filter((tensor) => {
    const original = intact.tensors.get(tensor.name);
    return original?.type !== tensor.type || String(original.dims) !== String(tensor.dims);
  });
  return [...stored.slice(0, 4), ...constants.flat().slice(0, 4)];
}

function tensorsOf(attribute: AttributeValue): StoredTensor[] {
  return attribute.kind === 'tensor' ? [attribute.value] : [];
}

function checkElements(tensor: StoredTensor): void {
  const elements = elementCount(tensor.dims);
  const floats = decodeFloats(tensor).length;
  const bytes = tensor.bytes.length / bytesPerStoredElement(tensor.type);
  if (floats !== elements || bytes !== elements) {
    throw new Error(`tensor ${tensor.name} has ${elements} elements, ${bytes} stored and ${floats} decoded`);
  }
}

const folder = sharedPath('models');
const networks = folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.onnx'));

describe.skipIf(!folder)(`${TOTAL} mutations of trained networks (needs ../shared/models)`, () => {
  const count = Math.ceil(TOTAL / networks.length);
  test.each(networks.map((name, seed) => [name, seed] as const))('%s', async (name, seed) => {
    const file = new Uint8Array(readFileSync(`${folder}/${name}`));
    await readMutations(name, file, onnxAnatomy(file), count, seed);
  });
});

test('2000 mutations of a safetensors file', async () => {
  const types = ['float32', 'float16', 'int8', 'int64', 'bool'] as const;
  const tensors = Array.from({ length: 40 }, (_, i) => {
    const data = Array.from({ length: 12 * i }, (_, element) => element % 2);
    return storeTensor({ name: `layer.${i}.weight`, type: types[i % types.length], dims: [i, 3, 4], data });
  });
  const file = writeSafetensors(tensors, new Map([['names', "{0: 'person'}"]]));
  const headerLength = new DataView(file.buffer).getUint32(0, true);
  const structure = Array.from({ length: 8 + headerLength }, (_, i) => i);
  const digits = structure.filter((i) => i < 8 || (file[i] >= 0x30 && file[i] <= 0x39));
  await readMutations('model.safetensors', file, { structure, lengths: digits }, 2000, 1);
});

test('2000 mutations of an ONNX file that encodes elements one by one', async () => {
  const tensor = (name: string, type: keyof typeof onnx.dataTypes, elements: number) =>
    new ProtobufWriter().packedInts(1, [elements, 2]).int(2, onnx.dataTypes[type]).string(8, name);
  const initializers = [
    tensor('f32', 'float32', 2).bytes(4, new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)),
    tensor('f32 unpacked', 'float32', 1).float(4, 1).float(4, 2),
    tensor('f16', 'float16', 2).packedInts(5, [1, 2, 0x3c00, 0xffff]),
    tensor('i8', 'int8', 2).packedInts(5, [1, -128, 127, 0]),
    tensor('i32', 'int32', 1)
      .int(5, -1)
      .int(5, 2 ** 31 - 1),
    tensor('i64', 'int64', 2).packedInts(7, [1, -1, 2n ** 63n - 1n, 0]),
    tensor('f64', 'float64', 1).double(10, 1).double(10, 2),
    tensor('u64', 'uint64', 1).packedInts(11, [2n ** 64n - 1n, 3]),
  ];
  const value = { name: 'x', type: 'float32', dims: [1, 'n'] } as const;
  const attributes = {
    ints: onnx.ints(1, 2, 3),
    floats: onnx.floats(1, 2),
    strings: onnx.strings('a', 'b'),
    value: onnx.tensor({ type: 'int64', dims: [2], data: [1, 2] }),
  };
  const nodes = [{ operator: 'Custom', domain: 'test', inputs: ['x', 'f32'], outputs: ['y'], attributes }];
  const graph = onnx.graphMessage({ inputs: [value], outputs: [{ ...value, name: 'y' }], nodes });
  for (const initializer of initializers) graph.message(5, initializer);
  const file = onnx.wrapGraph(graph, { nodes, metadata: { stride: '32' } }).finish();
  await readMutations('model.onnx', file, onnxAnatomy(file), 2000, 2);
});
