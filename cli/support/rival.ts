import { float32ToFloat16 } from '../../engine/half.ts';
import { InvalidArgumentError, type ModelInput, type RawTensor } from '../../node.ts';

/** ONNX Runtime's WebGPU provider as the thing to compare with: a development dependency, loaded only when asked for. */
export interface Rival {
  /** Images that it takes at a time; runs as often as the tensors' batch needs. */
  readonly batch: number;
  run(): Promise<void>;
  release(): Promise<void>;
}

type OnnxRuntime = typeof import('onnxruntime-node');

export async function importOnnxRuntime(): Promise<OnnxRuntime> {
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    throw new InvalidArgumentError('comparing needs the package onnxruntime-node: npm install onnxruntime-node', {
      cause: error,
    });
  }
}

/**
 * A session on a model's bytes that runs on the given tensors. `inputs` says the types that the model wants. Of a model
 * whose file is fixed to one image it runs image after image.
 * @throws InvalidArgumentError where ONNX Runtime can't run it
 */
export async function createRival(
  model: Uint8Array,
  inputs: readonly ModelInput[],
  tensors: Readonly<Record<string, RawTensor>>,
): Promise<Rival> {
  const runtime = await importOnnxRuntime();
  const options = { executionProviders: ['webgpu'], logSeverityLevel: 3 } as const;
  const session = await runtime.InferenceSession.create(model, options).catch(refuse);
  const batch = inputs[0].dims[0];
  const oneByOne = batch > 1 && session.inputMetadata.every((input) => input.isTensor && input.shape[0] === 1);
  const runs = Array.from({ length: oneByOne ? batch : 1 }, (_, image) =>
    Object.fromEntries(
      inputs.map((input) => {
        const tensor = tensors[input.name];
        const [own, data] = oneByOne ? imageOf(input, tensor, image) : [input, tensor.data];
        return [input.name, feed(runtime, own, data)];
      }),
    ),
  );
  return {
    batch: oneByOne ? 1 : batch,
    run: async () => {
      for (const feeds of runs) await session.run(feeds).catch(refuse);
    },
    release: () => session.release(),
  };
}

/** One image of a batch. */
function imageOf(input: ModelInput, { data }: RawTensor, image: number): [ModelInput, TensorElements] {
  const [batch, ...rest] = input.dims;
  const size = data.length / batch;
  return [{ ...input, dims: [1, ...rest] }, data.slice(image * size, (image + 1) * size)];
}

type TensorElements = RawTensor['data'];

function feed(runtime: OnnxRuntime, { name, type, dims }: ModelInput, elements: TensorElements) {
  const data = Float32Array.from(elements as Float32Array);
  if (type === 'float32') return new runtime.Tensor('float32', data, dims);
  if (type === 'float16') return new runtime.Tensor('float16', float32ToFloat16(data), dims);
  if (type === 'uint8') return new runtime.Tensor('uint8', Uint8Array.from(data), dims);
  throw new InvalidArgumentError(`comparing with an input of type ${type} (${name}) is not built yet`);
}

function refuse(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new InvalidArgumentError(`ONNX Runtime can't run the network: ${message}`, { cause });
}
