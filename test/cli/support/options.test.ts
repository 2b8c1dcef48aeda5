import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { detectOptions, fraction, positiveInteger, precision, readLabels } from '../../../cli/support/options.ts';
import { temporaryFolder } from '../../support/cli.ts';

const folder = temporaryFolder();

describe('values of options', () => {
  it.each(['0', '1', '0.25', '1e-3'])('a fraction may be %s', (text) => {
    expect(fraction(text)).toBe(Number(text));
  });

  it.each(['', ' ', '-0.1', '1.01', 'NaN', 'half', '1,5'])('a fraction may not be "%s"', (text) => {
    expect(() => fraction(text)).toThrow('a number from 0 to 1');
  });

  it.each(['0', '-3', '1.5', '', 'many', 'Infinity', '1e99'])('a count may not be "%s"', (text) => {
    expect(() => positiveInteger(text)).toThrow('a whole number above 0');
  });

  it('a count is a whole number', () => {
    expect(positiveInteger('640')).toBe(640);
  });

  it('a precision is one that is built', () => {
    expect(precision('float16')).toBe('float16');
    expect(() => precision('int8')).toThrow('not built yet');
    expect(() => precision('float64')).toThrow('one of auto, float32, float16');
  });

  it('what is left out stays as the network has it', () => {
    expect(detectOptions({ score: 0.5 })).toEqual({
      scoreThreshold: 0.5,
      iouThreshold: undefined,
      maxDetections: undefined,
    });
    expect(() => detectOptions({ augment: true })).toThrow('--augment is not built yet');
  });
});

describe('readLabels', () => {
  it('takes a name from each line, of any system, and drops empty lines at the end', async () => {
    const file = join(folder, 'labels.txt');
    writeFileSync(file, 'person\r\ntraffic light \n\ncat\n\n');
    expect(await readLabels(file)).toEqual(['person', 'traffic light', '', 'cat']);
    expect(await readLabels(undefined)).toBeUndefined();
  });
});
