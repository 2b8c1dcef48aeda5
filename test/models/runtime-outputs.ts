import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Value } from '../../engine/graph/types.ts';

/** The first output of a file in ONNX Runtime's CPU provider. */
export async function runtimeOutput(path: string, input: Value, data: Float32Array): Promise<Float32Array> {
  const session = await InferenceSession.create(path, { logSeverityLevel: 3 });
  const results = await session.run({ [input.name]: new Tensor('float32', data, input.shape) });
  await session.release();
  return results[session.outputNames[0]].data as Float32Array;
}
