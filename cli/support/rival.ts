import { float32ToFloat16 } from '../../engine/half.ts';
import { InvalidArgumentError, type ModelInput, type RawTensor } from '../../node.ts';

/** ONNX Runtime's WebGPU provider as the thing to compare with: a development dependency, loaded only when asked for. */
export interface Rival {
  run(inputs: Readonly<Record<string, RawTensor>>): Promise<void>;
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

/** `provider` is 'webgpu' to race it and 'cpu' to trust it. `inputs` says the types that the model wants. */
export async function createRival(
  model: Uint8Array,
  inputs: readonly ModelInput[],
  provider: 'webgpu' | 'cpu' = 'webgpu',
): Promise<Rival> {
  const runtime = await importOnnxRuntime();
  const session = await runtime.InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 3 });
  const types = new Map(inputs.map(({ name, type }) => [name, type]));
  return {
    async run(tensors) {
      const feeds = Object.entries(tensors).map(([name, { data, dims }]) => {
        if (types.get(name) !== 'float16')
          return [name, new runtime.Tensor('float32', data as Float32Array, [...dims])];
        return [name, new runtime.Tensor('float16', float32ToFloat16(data as Float32Array), [...dims])];
      });
      await session.run(Object.fromEntries(feeds));
    },
    release: () => session.release(),
  };
}
