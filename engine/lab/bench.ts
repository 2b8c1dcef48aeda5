import type { ConvolutionCandidate } from '../../shaders/conv-candidate.ts';
import { InvalidArgumentError } from '../errors.ts';
import { convolutionCandidates } from '../plan/rules/convolution.ts';
import type { EngineDevice } from '../runtime/device.ts';
import { PipelineCache } from '../runtime/dispatch.ts';
import { fitsBindings } from '../runtime/layer-timer.ts';
import { deviceProfile, loadKernels } from '../runtime/session.ts';
import { type CheckResult, checkKernel } from './check.ts';
import { parseKernel, type TextProblem } from './kernel-text.ts';
import type { LabLayer } from './layer.ts';
import { LayerBuffers } from './layer-buffers.ts';
import { type PreparedKernel, type PrepareOptions, prepareCandidate, prepareText } from './prepared-kernel.ts';
import { createProblem, type LayerProblem, type ProblemOptions } from './reference.ts';

/** One layer on a device, with data: where kernels are compiled and checked. Time them with `timeTurns`. */
export class LayerBench {
  readonly device: EngineDevice;
  readonly layer: LabLayer;
  /** The built-in kernels that the device has for the layer; the first is what runs where nothing was measured. */
  readonly candidates: readonly ConvolutionCandidate[];
  readonly #problem: LayerProblem;
  readonly #buffers: LayerBuffers;
  readonly #cache: PipelineCache;

  private constructor(device: EngineDevice, problem: LayerProblem) {
    this.device = device;
    this.layer = problem.layer;
    this.candidates = candidatesOf(problem.layer, device);
    this.#problem = problem;
    this.#buffers = new LayerBuffers(device.device, problem);
    // Of its own, so that what a kernel takes to compile doesn't depend on the layers before.
    this.#cache = new PipelineCache(device.device);
  }

  /**
   * Computes what the layer must give; that takes about a second for each 10^9 FLOPs.
   * @throws InvalidArgumentError where the device can't bind the layer's tensors, AbortError
   */
  static async create(device: EngineDevice, layer: LabLayer, options: ProblemOptions = {}): Promise<LayerBench> {
    await loadKernels(device);
    if (candidatesOf(layer, device).length === 0) {
      throw new InvalidArgumentError(`the tensors of ${layer.text} are larger than what this device binds at once`);
    }
    return new LayerBench(device, await createProblem(layer, options));
  }

  prepare(candidate: ConvolutionCandidate, options?: PrepareOptions): Promise<PreparedKernel> {
    return prepareCandidate(this.#cache, candidate, this.#buffers, options);
  }

  /** Reads and compiles a kernel's text, see kernel-text.ts. Without errors among the problems there is a kernel. */
  async prepareText(
    text: string,
    name?: string,
  ): Promise<{ readonly prepared?: PreparedKernel; readonly problems: readonly TextProblem[] }> {
    const { kernel, problems } = parseKernel(text, this.layer, name);
    if (!kernel) return { problems };
    const compiled = await prepareText(this.device.device, kernel, this.#buffers);
    return { ...compiled, problems: [...problems, ...compiled.problems] };
  }

  check(kernel: PreparedKernel): Promise<CheckResult> {
    return checkKernel(this.device.device, kernel, this.#problem, this.#buffers);
  }

  dispose(): void {
    this.#buffers.dispose();
  }
}

/** The built-in kernels that a device has for a layer and can bind the tensors of. */
export function candidatesOf(layer: LabLayer, device: EngineDevice): ConvolutionCandidate[] {
  const profile = deviceProfile(device);
  const all = convolutionCandidates(layer.operator, layer.spec, profile);
  return all.filter((candidate) => fitsBindings(layer, candidate, profile.maxBindingBytes));
}
