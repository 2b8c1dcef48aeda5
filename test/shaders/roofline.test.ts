import { describe, expect, it } from 'vitest';
import { bytesPerElement } from '../../shaders/kernel.ts';
import {
  COPY_FORMS,
  MULTIPLY_ADD_FORMS,
  memoryCopy,
  multiplyAdd,
  multiplyAddBytes,
  multiplyAddFlops,
} from '../../shaders/roofline.ts';
import { testDevice } from '../support/device.ts';
import { Memory, runOnMemory } from '../support/memory.ts';
import { randomFloats } from '../support/random.ts';

describe('multiplyAdd', () => {
  const work = { invocations: 512, turns: 3 };
  const cases = (['f32', 'f16'] as const).flatMap((element) =>
    MULTIPLY_ADD_FORMS.map((form) => ({ ...form, element, form })),
  );

  it.each(cases)('$element, $accumulators accumulators of $lanes: does every operation', async ({ element, form }) => {
    const { device } = await testDevice();
    const kernel = multiplyAdd(form, element, work);
    const result = new Memory(element, work.invocations * 4);
    expect(multiplyAddBytes(element, work.invocations)).toBe(result.elements.length * bytesPerElement(element));
    await runOnMemory(device, kernel, [result]);

    let operations = 0;
    const expected = result.elements.map((_, index) => {
      const x = (Math.floor(index / 4) % 64) * 1e-3 + 0.9;
      let sum = 0;
      for (let accumulator = 0; accumulator < form.accumulators; accumulator++) {
        let value = accumulator;
        for (let step = 0; step < form.steps * work.turns; step++) value = value * x + 0.1;
        sum += value;
        // An invocation writes each of its lanes to a vec4, as often as they fit.
        operations += (2 * form.steps * work.turns * form.lanes) / 4;
      }
      return sum;
    });
    const tolerance = element === 'f16' ? 3e-2 : 1e-5;
    result.elements.forEach((value, index) => {
      expect(Math.abs(value / expected[index] - 1)).toBeLessThan(tolerance);
    });
    expect(multiplyAddFlops(form, work)).toBe(operations);
  });
});

describe('memoryCopy', () => {
  it.each(COPY_FORMS)('$vectors vectors of an invocation, apart: $apart', async (form) => {
    const { device } = await testDevice();
    const bytes = 2 ** 17;
    const source = new Memory('f32', bytes / 4);
    source.elements = Float64Array.from(randomFloats(5, bytes / 4));
    const destination = new Memory('f32', bytes / 4);
    await runOnMemory(device, memoryCopy(form, bytes), [source, destination]);
    expect(destination.elements).toEqual(source.elements);
  });
});
