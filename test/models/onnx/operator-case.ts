import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { executeReference } from '../../../engine/graph/execute.ts';
import { elementCount } from '../../../engine/graph/indexing.ts';
import type { DenseTensor, Graph } from '../../../engine/graph/types.ts';
import { float16ToFloat32 } from '../../../engine/half.ts';
import type { StoredType } from '../../../loader/model-file.ts';
import { parseOnnx } from '../../../loader/onnx/parse.ts';
import { type ImportOptions, importOnnx } from '../../../models/onnx/import.ts';
import { type OnnxAttribute, type OnnxModel, writeOnnx } from '../../support/onnx-writer.ts';
import { randomFloats } from '../../support/random.ts';
import { storeTensor } from '../../support/tensor-bytes.ts';

/** An input of the operator under test: fed when the graph runs, or a constant of the file. */
export interface CaseInput {
  readonly type: StoredType;
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
  readonly constant: boolean;
}

export interface OperatorCase {
  readonly operator: string;
  readonly domain?: string;
  /** 17 where left out. */
  readonly opset?: number;
  /** null stands for an optional input that is left out. */
  readonly inputs: readonly (CaseInput | null)[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** The type of each output; one float32 where left out. */
  readonly outputs?: readonly StoredType[];
  /** Largest difference per element; 1e-5 where left out. */
  readonly tolerance?: number;
}

/** Floats spread over (-scale, scale) that the seed decides. */
export function fed(dims: readonly number[], { seed = 1, scale = 2 } = {}): CaseInput {
  return { type: 'float32', dims, data: randomFloats(seed, elementCount(dims), scale), constant: false };
}

/** Stated elements. */
export function given(type: StoredType, dims: readonly number[], data: ArrayLike<number>): CaseInput {
  return { type, dims, data, constant: false };
}

export function constant(type: StoredType, dims: readonly number[], data: ArrayLike<number>): CaseInput {
  return { type, dims, data, constant: true };
}

export function weights(dims: readonly number[], seed = 2): CaseInput {
  return { ...fed(dims, { seed, scale: 1 }), constant: true };
}

export function int64s(...data: number[]): CaseInput {
  return constant('int64', [data.length], data);
}

/** A scalar, of no dimensions. */
export function scalar(type: StoredType, element: number): CaseInput {
  return constant(type, [], [element]);
}

export function modelOf(operatorCase: OperatorCase): OnnxModel {
  const { operator, domain, opset, inputs, attributes, outputs = ['float32'] } = operatorCase;
  const named = inputs.flatMap((input, index) => (input ? [{ ...input, name: `input${index}` }] : []));
  const results = outputs.map((type, index) => ({ name: `output${index}`, type }));
  return {
    opset,
    inputs: named.filter((input) => !input.constant),
    outputs: results,
    initializers: named.filter((input) => input.constant),
    nodes: [
      {
        operator,
        domain,
        name: 'node',
        inputs: inputs.map((input, index) => (input ? `input${index}` : '')),
        outputs: results.map(({ name }) => name),
        attributes,
      },
    ],
  };
}

export function importModel(model: OnnxModel, options?: ImportOptions): Graph {
  return importOnnx(parseOnnx(writeOnnx(model), 'test.onnx'), options);
}

/** Adds a test that the operator computes what ONNX Runtime's CPU provider computes. */
export function agrees(title: string, operatorCase: OperatorCase): void {
  test(title, async () => {
    const model = modelOf(operatorCase);
    const feeds = new Map(
      operatorCase.inputs.flatMap((input, index) => (input && !input.constant ? [[`input${index}`, input]] : [])),
    );
    await expectAgreement(model, feeds, operatorCase.tolerance);
  });
}

/** Runs a model in ONNX Runtime and through import and reference implementations, and compares all outputs. */
export async function expectAgreement(
  model: OnnxModel,
  feeds: ReadonlyMap<string, Omit<CaseInput, 'constant'>>,
  tolerance = 1e-5,
): Promise<void> {
  const expected = await runtimeOutputs(model, feeds);
  const graph = importModel(model);
  expect(graph.outputs.map(({ name }) => name)).toEqual(model.outputs.map(({ name }) => name));
  const inputs = new Map(
    graph.inputs.map(({ name, kind, shape }) => {
      const data = Float64Array.from(feeds.get(name)?.data ?? []);
      return [name, { kind, shape, data } satisfies DenseTensor];
    }),
  );
  executeReference(graph, inputs).forEach((actual, index) => {
    const { dims, data } = expected[index];
    expect(actual.shape).toEqual(dims);
    const worst = Array.from(actual.data, (value, i) => (value === data[i] ? 0 : Math.abs(value - data[i])));
    expect(
      Math.max(0, ...worst),
      `output ${index}: ${Array.from(actual.data)} for ${Array.from(data)}`,
    ).toBeLessThanOrEqual(tolerance);
  });
}

async function runtimeOutputs(
  model: OnnxModel,
  feeds: ReadonlyMap<string, Omit<CaseInput, 'constant'>>,
): Promise<{ dims: readonly number[]; data: ArrayLike<number> }[]> {
  const session = await InferenceSession.create(writeOnnx(model), {
    logSeverityLevel: 3,
    graphOptimizationLevel: 'disabled',
  });
  const results = await session.run(
    Object.fromEntries(Array.from(feeds, ([name, input]) => [name, tensorOf({ ...input, name })])),
  );
  await session.release();
  return model.outputs.map(({ name }) => {
    const { type, dims, data } = results[name];
    const numbers =
      type === 'float16' ? float16ToFloat32(data as Uint16Array) : Array.from(data as ArrayLike<number>, Number);
    return { dims, data: numbers };
  });
}

const arrayTypes = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  float16: Uint16Array,
};

function tensorOf(input: Omit<CaseInput, 'constant'> & { readonly name: string }): Tensor {
  if (!Object.hasOwn(arrayTypes, input.type)) throw new Error(`no test feeds ${input.type}`);
  const ArrayType = arrayTypes[input.type as keyof typeof arrayTypes];
  const { bytes } = storeTensor(input);
  const elements = new ArrayType(bytes.slice().buffer);
  return new Tensor(input.type as 'float32', elements as Float32Array, input.dims);
}
