import type { FeatureMap } from '../../shaders/kernel.ts';
import { float16ToFloat32 } from '../half.ts';
import { encodeDispatches } from '../runtime/dispatch.ts';
import { BufferUsage, MapMode } from '../runtime/webgpu-flags.ts';
import { elementPlace, type LayerBuffers, UNTOUCHED } from './layer-buffers.ts';
import type { PreparedKernel } from './prepared-kernel.ts';
import type { LayerProblem } from './reference.ts';

/** An element that is not what it must be. */
export interface WrongElement {
  /**
   * - value: too far from what is expected
   * - unwritten: nothing was written there
   * - lane: a lane up to the next multiple of 4 channels, which must be finite
   * - outside: it belongs to another tensor, and was written
   */
  readonly kind: 'value' | 'unwritten' | 'lane' | 'outside';
  /** [image, channel, y, x]; of `outside`, only the first is there, the element of the allocation. */
  readonly place: readonly number[];
  readonly found: number;
  readonly expected: number;
  /** How far from the expected value it may be. */
  readonly bound: number;
}

export interface CheckResult {
  readonly correct: boolean;
  /** How many elements of the output were compared: all of them. */
  readonly elements: number;
  readonly wrong: number;
  readonly firstWrong?: WrongElement;
  /** The largest distance from an expected value; NaN counts as infinite. */
  readonly largestError: number;
  /** Of all elements, the largest share of its bound that an error takes: up to 1 is right. */
  readonly boundShare: number;
}

/** Runs a kernel once on seeded data and compares every element that it may write, and those that it may not. */
export async function checkKernel(
  device: GPUDevice,
  kernel: PreparedKernel,
  problem: LayerProblem,
  buffers: LayerBuffers,
): Promise<CheckResult> {
  buffers.clearOutput();
  const { buffer } = buffers.slice('output', { weights: 'blocks' });
  const usage = BufferUsage.mapRead | BufferUsage.copyDestination;
  const readback = device.createBuffer({ label: 'check', size: buffer.size, usage });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encodeDispatches(pass, kernel.dispatches);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, readback, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  try {
    await readback.mapAsync(MapMode.read);
    return compareOutput(readback.getMappedRange().slice(0), problem, kernel.rounding);
  } finally {
    readback.destroy();
  }
}

/** @param bytes the whole allocation that the output lies in, filled with `UNTOUCHED` before */
export function compareOutput(bytes: ArrayBuffer, problem: LayerProblem, rounding = 1): CheckResult {
  const { output } = problem.layer.spec;
  const { values, isUntouched } = decode(bytes, output);
  const comparison = new Comparison();
  const seen = new Uint8Array(values.length);
  let index = 0;
  for (let image = 0; image < output.batch; image++) {
    for (let channel = 0; channel < Math.ceil(output.channels / 4) * 4; channel++) {
      for (let y = 0; y < output.height; y++) {
        for (let x = 0; x < output.width; x++) {
          const at = elementPlace(output, image, channel, y, x);
          const place = () => [image, channel, y, x];
          seen[at] = 1;
          if (channel >= output.channels) {
            if (!Number.isFinite(values[at])) comparison.wrong('lane', place(), values[at], 0, 0);
            continue;
          }
          const expected = problem.expected[index];
          const bound = problem.bounds[index++] * rounding;
          comparison.compare(values[at], expected, bound, place, isUntouched(at));
        }
      }
    }
  }
  for (let at = 0; at < seen.length; at++) {
    if (seen[at] === 0 && !isUntouched(at)) comparison.wrong('outside', [at], values[at], Number.NaN, 0);
  }
  return comparison.result(problem.expected.length);
}

class Comparison {
  #wrong = 0;
  #first: WrongElement | undefined;
  #largestError = 0;
  #boundShare = 0;

  compare(found: number, expected: number, bound: number, place: () => number[], untouched: boolean): void {
    const distance = Math.abs(found - expected);
    const error = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
    this.#largestError = Math.max(this.#largestError, error);
    this.#boundShare = Math.max(this.#boundShare, error / bound);
    if (!(error <= bound)) this.wrong(untouched ? 'unwritten' : 'value', place(), found, expected, bound);
  }

  wrong(kind: WrongElement['kind'], place: readonly number[], found: number, expected: number, bound: number): void {
    this.#wrong++;
    this.#first ??= { kind, place, found, expected, bound };
  }

  result(elements: number): CheckResult {
    return {
      correct: this.#wrong === 0,
      elements,
      wrong: this.#wrong,
      ...(this.#first ? { firstWrong: this.#first } : {}),
      largestError: this.#largestError,
      boundShare: this.#boundShare,
    };
  }
}

function decode(bytes: ArrayBuffer, { element }: FeatureMap) {
  if (element === 'f16') {
    const bits = new Uint16Array(bytes);
    return { values: float16ToFloat32(bits), isUntouched: (at: number) => bits[at] === UNTOUCHED.f16 };
  }
  const bits = new Uint32Array(bytes);
  return { values: new Float32Array(bytes), isUntouched: (at: number) => bits[at] === UNTOUCHED.f32 };
}

/** One line about a check, for people. */
export function describeCheck({ correct, elements, wrong, firstWrong, largestError, boundShare }: CheckResult): string {
  if (correct || !firstWrong) {
    return `right: ${elements} elements, largest error ${largestError.toExponential(1)}, ${percent(boundShare)} of what rounding explains`;
  }
  const { kind, place, found, expected, bound } = firstWrong;
  const at = `[${place.join(', ')}]`;
  const count = wrong === 1 ? '1 wrong element' : `${wrong} wrong elements of ${elements}`;
  switch (kind) {
    case 'value':
      return `${count}, the first at ${at} (image, channel, y, x): ${figure(found)} instead of ${figure(expected)} ± ${bound.toExponential(1)}`;
    case 'unwritten':
      return `${count}, the first at ${at} (image, channel, y, x): nothing was written there`;
    case 'lane':
      return `${count}, the first at ${at} (image, channel, y, x): an unused lane that is ${figure(found)}, and must be finite`;
    case 'outside':
      return `${count}, the first at element ${place[0]} of the allocation, which is not the layer's: ${figure(found)} was written`;
  }
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? `${(share * 100).toFixed(2)} %` : `${(share * 100).toFixed(0)} %`;
}

function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : String(value);
}
