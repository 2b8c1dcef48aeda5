import { float32ToFloat16 } from '../../engine/half.ts';
import { InvalidArgumentError, type ModelInput, type RawTensor } from '../../node.ts';

/** ONNX Runtime's WebGPU provider as the thing to compare with: a development dependency, loaded only when asked for. */
export interface Rival {
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
 * A session on a model's bytes that runs on the given tensors. `inputs` says the types that the model wants.
 * @throws InvalidArgumentError where ONNX Runtime can't run it
 */
export async function createRival(
  model: Uint8Array,
  inputs: readonly ModelInput[],
  tensors: Readonly<Record<string, RawTensor>>,
): Promise<Rival> {
  const runtime = await importOnnxRuntime();
  const feeds = Object.fromEntries(inputs.map((input) => [input.name, feed(runtime, input, tensors[input.name])]));
  const options = { executionProviders: ['webgpu'], logSeverityLevel: 3 } as const;
  const session = await runtime.InferenceSession.create(model, options).catch(refuse);
  return {
    run: async () => void (await session.run(feeds).catch(refuse)),
    release: () => session.release(),
  };
}

function feed(runtime: OnnxRuntime, { name, type, dims }: ModelInput, tensor: RawTensor) {
  const data = Float32Array.from(tensor.data as Float32Array);
  if (type === 'float32') return new runtime.Tensor('float32', data, dims);
  if (type === 'float16') return new runtime.Tensor('float16', float32ToFloat16(data), dims);
  if (type === 'uint8') return new runtime.Tensor('uint8', Uint8Array.from(data), dims);
  throw new InvalidArgumentError(`comparing with an input of type ${type} (${name}) is not built yet`);
}

function refuse(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new InvalidArgumentError(`ONNX Runtime can't run the network: ${message}`, { cause });
}
