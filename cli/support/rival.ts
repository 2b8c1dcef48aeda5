// The error class comes from its own file: a cold start of the rival must not load the engine.
import { InvalidArgumentError } from '../../engine/errors.ts';
import { float32ToFloat16 } from '../../engine/half.ts';
import type { ModelInput, RawTensor } from '../../node.ts';

/** ONNX Runtime's WebGPU provider as the thing to compare with: a development dependency, loaded only when asked for. */
export interface Rival {
  /** Images of one call: fewer than were given where the file is fixed to fewer; `run` then calls several times. */
  readonly imagesPerCall: number;
  run(): Promise<void>;
  release(): Promise<void>;
}

type OnnxRuntime = typeof import('onnxruntime-node');
type Session = import('onnxruntime-node').InferenceSession;

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
 * A session on a model's bytes that runs on the given tensors, in the types that the model wants.
 * @param inputs the names and shapes of the tensors
 * @throws InvalidArgumentError where ONNX Runtime can't run it
 */
export async function createRival(
  model: Uint8Array,
  inputs: readonly Pick<ModelInput, 'name' | 'dims'>[],
  tensors: Readonly<Record<string, RawTensor>>,
): Promise<Rival> {
  const runtime = await importOnnxRuntime();
  const options = { executionProviders: ['webgpu'], logSeverityLevel: 3 } as const;
  const session = await runtime.InferenceSession.create(model, options).catch(refuse);
  const images = inputs[0].dims[0] ?? 1;
  const imagesPerCall = fixedBatch(session, inputs[0].name) ?? images;
  const types = new Map(session.inputMetadata.map((input) => [input.name, input.isTensor ? input.type : 'no tensor']));
  if (images % imagesPerCall !== 0) {
    throw new InvalidArgumentError(`the file takes ${imagesPerCall} images at a time, and ${images} were asked for`);
  }
  const calls = Array.from({ length: images / imagesPerCall }, (_, call) => {
    const share = { call, calls: images / imagesPerCall };
    return Object.fromEntries(
      inputs.map(({ name }) => [name, feed(runtime, name, types.get(name), tensors[name], share)]),
    );
  });
  return {
    imagesPerCall,
    run: async () => {
      for (const feeds of calls) await session.run(feeds).catch(refuse);
    },
    release: () => session.release(),
  };
}

/** Undefined where the file leaves it open. */
function fixedBatch(session: Session, input: string): number | undefined {
  const metadata = session.inputMetadata.find(({ name }) => name === input);
  const size = metadata?.isTensor ? metadata.shape[0] : undefined;
  return typeof size === 'number' && size > 0 ? size : undefined;
}

/** The images of one call as a tensor of the type that the file wants. */
function feed(
  runtime: OnnxRuntime,
  name: string,
  type: string | undefined,
  { dims, data: whole }: RawTensor,
  { call, calls }: { readonly call: number; readonly calls: number },
) {
  const count = whole.length / calls;
  const data = Float32Array.from((whole as Float32Array).subarray(call * count, (call + 1) * count));
  const part = [dims[0] / calls, ...dims.slice(1)];
  if (type === 'float32') return new runtime.Tensor('float32', data, part);
  if (type === 'float16') return new runtime.Tensor('float16', float32ToFloat16(data), part);
  if (type === 'uint8') return new runtime.Tensor('uint8', Uint8Array.from(data), part);
  throw new InvalidArgumentError(`comparing with an input of type ${type} (${name}) is not built yet`);
}

function refuse(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new InvalidArgumentError(`ONNX Runtime can't run the network: ${message}`, { cause });
}
