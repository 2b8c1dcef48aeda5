import { InferenceSession, type Tensor } from 'onnxruntime-node';
import type { DenseTensor } from '../../engine/graph/types.ts';
import type { StoredType } from '../../loader/model-file.ts';
import { type OnnxAttribute, writeOnnx } from './onnx-writer.ts';

/** Runs one ONNX operator on ONNX Runtime's CPU provider: the judge of what an operator means. */
export async function runOperator(
  operator: string,
  inputs: readonly DenseTensor[],
  options: {
    readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
    readonly opset?: number;
    /** One per output; a single float where left out. */
    readonly outputs?: readonly StoredType[];
    /** The types that inputs are stored as, where float32, int64 and bool are not meant. */
    readonly types?: readonly StoredType[];
  } = {},
): Promise<DenseTensor[]> {
  const outputs = (options.outputs ?? ['float32']).map((type, index) => ({ name: `output${index}`, type }));
  const initializers = inputs.map((input, index) => ({
    name: `input${index}`,
    type: options.types?.[index] ?? ({ float: 'float32', int: 'int64', bool: 'bool' } as const)[input.kind],
    dims: input.shape,
    data: input.data,
  }));
  const model = writeOnnx({
    inputs: [],
    outputs,
    // An input without elements stands for an optional one that is absent.
    initializers: initializers.filter((initializer) => initializer.data.length > 0),
    nodes: [
      {
        operator,
        inputs: initializers.map(({ name, data }) => (data.length > 0 ? name : '')),
        outputs: outputs.map(({ name }) => name),
        attributes: options.attributes,
      },
    ],
    opset: options.opset,
  });
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 });
  const results = await session.run({});
  await session.release();
  return outputs.map(({ name }) => denseOf(results[name]));
}

function denseOf(tensor: Tensor): DenseTensor {
  const { dims: shape, data } = tensor;
  if (data instanceof Float32Array) return { kind: 'float', shape, data };
  if (tensor.type === 'bool') return { kind: 'bool', shape, data: data as Uint8Array };
  return { kind: 'int', shape, data: Int32Array.from(Array.from(data as ArrayLike<number | bigint>, Number)) };
}
