import { InvalidArgumentError, type RawTensor } from '../../node.ts';

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

/** `provider` is 'webgpu' to race it and 'cpu' to trust it. */
export async function createRival(model: Uint8Array, provider: 'webgpu' | 'cpu' = 'webgpu'): Promise<Rival> {
  const runtime = await importOnnxRuntime();
  const session = await runtime.InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 3 });
  return {
    async run(inputs) {
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([name, { type, data, dims }]) => [
          name,
          new runtime.Tensor(type, data as Float32Array, [...dims]),
        ]),
      );
      await session.run(feeds);
    },
    release: () => session.release(),
  };
}
