import { packParameters } from '../../shaders/assemble.ts';
import { type ConvolutionCandidate, tensorOf } from '../../shaders/conv-candidate.ts';
import { type Dispatch, encodeDispatches, type PipelineCache, prepareDispatches } from '../runtime/dispatch.ts';
import { BufferUsage, ShaderStage } from '../runtime/webgpu-flags.ts';
import type { TextDispatch, TextKernel, TextProblem } from './kernel-text.ts';
import type { KernelTensors, LayerBuffers } from './layer-buffers.ts';

/** A kernel ready to run on a layer's buffers. */
export interface PreparedKernel {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
  /** Until its pipelines were there, milliseconds; many drivers compile only when a pipeline first runs. */
  readonly compileMs: number;
  /** How many times the error of a direct sum its results may have. */
  readonly rounding: number;
  /** What its dispatches bind, each tensor once for each dispatch: the least that it moves. */
  readonly bytes: number;
  dispose(): void;
}

export interface PrepareOptions {
  /** Write parameters into the text instead of reading them from a uniform buffer. */
  readonly specialize?: boolean;
}

/** A built-in kernel, through the same path as those of a network. */
export async function prepareCandidate(
  cache: PipelineCache,
  candidate: ConvolutionCandidate,
  buffers: LayerBuffers,
  { specialize }: PrepareOptions = {},
): Promise<PreparedKernel> {
  const started = performance.now();
  const kernels = candidate.build();
  const requests = kernels.map((kernel) => ({
    kernel,
    buffers: kernel.bindings.map((binding) => buffers.slice(tensorOf(binding), candidate)),
  }));
  const { dispatches, parameterBuffer } = await prepareDispatches(cache, requests, { specialize });
  return {
    name: candidate.name,
    dispatches,
    compileMs: performance.now() - started,
    rounding: candidate.rounding ?? 1,
    bytes: totalBytes(
      kernels.flatMap(({ bindings }) => bindings.map(tensorOf)),
      candidate,
      buffers,
    ),
    dispose: () => parameterBuffer?.destroy(),
  };
}

/** A kernel from text: compiled as it is written. Without errors among the problems there is a kernel. */
export async function prepareText(
  device: GPUDevice,
  kernel: TextKernel,
  buffers: LayerBuffers,
): Promise<{ readonly prepared?: PreparedKernel; readonly problems: readonly TextProblem[] }> {
  const started = performance.now();
  const problems: TextProblem[] = [];
  const dispatches: Dispatch[] = [];
  const uniforms: GPUBuffer[] = [];
  for (const part of kernel.dispatches) {
    device.pushErrorScope('validation');
    const found = await compilePart(device, part);
    problems.push(...found.problems);
    const { pipeline, layout } = found;
    if (pipeline) {
      const uniform = part.uniform && uploadUniform(device, part.uniform.parameters);
      if (uniform) uniforms.push(uniform);
      const bindGroup = device.createBindGroup({
        label: part.label,
        layout,
        entries: [
          ...(uniform && part.uniform ? [{ binding: part.uniform.binding, resource: { buffer: uniform } }] : []),
          ...part.bindings.map(({ binding, tensor }) => ({ binding, resource: buffers.slice(tensor, kernel) })),
        ],
      });
      const dispatch = { label: part.label, pipeline, bindGroup, workgroups: part.workgroups };
      dispatches.push(dispatch);
      // Some things are only noticed where it is encoded, such as a binding that is smaller than its array.
      encodeAlone(device, dispatch);
    }
    const error = await device.popErrorScope();
    const isNew = error && !found.problems.some(({ severity }) => severity === 'error');
    if (isNew) problems.push(wholeText(part, error.message));
  }
  const dispose = () => {
    for (const uniform of uniforms) uniform.destroy();
  };
  if (problems.some(({ severity }) => severity === 'error')) {
    dispose();
    return { problems };
  }
  const { name, rounding } = kernel;
  const bound = kernel.dispatches.flatMap(({ bindings }) => bindings.map(({ tensor }) => tensor));
  const bytes = totalBytes(bound, kernel, buffers);
  return { prepared: { name, dispatches, compileMs: performance.now() - started, rounding, bytes, dispose }, problems };
}

function encodeAlone(device: GPUDevice, dispatch: Dispatch): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encodeDispatches(pass, [dispatch]);
  pass.end();
  encoder.finish();
}

function totalBytes(tensors: readonly string[], kernel: KernelTensors, buffers: LayerBuffers): number {
  return tensors.reduce((sum, tensor) => sum + buffers.bytes(tensor, kernel), 0);
}

interface CompiledPart {
  readonly layout: GPUBindGroupLayout;
  readonly pipeline?: GPUComputePipeline;
  readonly problems: readonly TextProblem[];
}

async function compilePart(device: GPUDevice, part: TextDispatch): Promise<CompiledPart> {
  const visibility = ShaderStage.compute;
  const layout = device.createBindGroupLayout({
    entries: [
      ...(part.uniform ? [{ binding: part.uniform.binding, visibility, buffer: { type: 'uniform' as const } }] : []),
      ...part.bindings.map(({ binding, access }) => ({
        binding,
        visibility,
        buffer: { type: access === 'write' ? ('storage' as const) : ('read-only-storage' as const) },
      })),
    ],
  });
  const module = device.createShaderModule({ label: part.label, code: part.code });
  const { messages } = await module.getCompilationInfo();
  const problems = messages.map(({ type, lineNum, linePos, length, message }): TextProblem => {
    // 0 where the message is about no place.
    const line = Math.max(1, lineNum) + part.firstLine - 1;
    return { severity: type, line, column: lineNum === 0 ? 0 : linePos, length, message };
  });
  if (problems.some(({ severity }) => severity === 'error')) return { layout, problems };
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: part.label,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    return { layout, pipeline, problems };
  } catch (error) {
    return { layout, problems: [...problems, wholeText(part, error instanceof Error ? error.message : String(error))] };
  }
}

/** An error of WebGPU that has no place in the text. Its first line says what is wrong, the others where it was found. */
function wholeText({ workgroupsLine }: TextDispatch, message: string): TextProblem {
  const [first] = message.trim().split('\n');
  return { severity: 'error', line: workgroupsLine, column: 0, length: 0, message: first };
}

function uploadUniform(
  device: GPUDevice,
  parameters: readonly Parameters<typeof packParameters>[0][number][],
): GPUBuffer {
  const bytes = packParameters(parameters);
  const usage = BufferUsage.uniform | BufferUsage.copyDestination;
  const buffer = device.createBuffer({ label: 'parameters', size: bytes.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, bytes);
  return buffer;
}
