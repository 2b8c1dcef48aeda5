import { describe, expect, it } from 'vitest';
import { figure, percent, spread, withPrefix } from '../../../examples/kernel-lab/lab/figures.ts';
import { pinsJson, readPins } from '../../../examples/kernel-lab/lab/pins.ts';
import { type Entry, fastest } from '../../../examples/kernel-lab/lab/study.ts';
import { tokensOf } from '../../../examples/kernel-lab/page/highlight.ts';
import { columns } from '../../../examples/kernel-lab/script/tables.ts';

describe('figures', () => {
  it('have three digits that count', () => {
    expect([1234.5, 123.45, 12.345, 1.2345, 0.012345, 0, 1e-9].map(figure)).toEqual([
      '1235',
      '123',
      '12.3',
      '1.23',
      '0.0123',
      '0',
      '0.000000',
    ]);
  });

  it('have prefixes, percentages and spreads', () => {
    expect(withPrefix(12.34e9, 'FLOP/s')).toBe('12.3 GFLOP/s');
    expect(withPrefix(999, 'B')).toBe('999 B');
    expect([0.005, 0.0994, 0.34, 1.7].map(percent)).toEqual(['0.5 %', '9.9 %', '34 %', '170 %']);
    expect(spread(10, [9, 11])).toBe('±10 %');
  });
});

describe('pins', () => {
  it('are read as they are written', () => {
    const pins = { 'conv2d 1x4x4x4>4x4x4 k1x1': 'direct 4x16' };
    expect(readPins(pinsJson(pins))).toEqual(pins);
  });

  it.each(['', '[]', 'null', '{"key": 1}', '{'])('are no table in %j', (text) =>
    expect(readPins(text)).toBeUndefined(),
  );
});

describe('the fastest kernel', () => {
  const entry = (name: string, medianMs: number | undefined, correct: boolean): Entry => ({
    name,
    live: false,
    problems: [],
    check: { correct, elements: 1, wrong: 0, largestError: 0, boundShare: 0 },
    ...(medianMs === undefined
      ? {}
      : {
          timing: {
            medianMs,
            bestMs: medianMs,
            quartilesMs: [0, 0],
            samples: 1,
            repeats: 1,
            clock: 'wall',
            firstMs: 1,
          },
        }),
  });

  it('is right, and has been timed', () => {
    const entries = [
      entry('slow', 3, true),
      entry('wrong', 1, false),
      entry('fast', 2, true),
      entry('new', undefined, true),
    ];
    expect(fastest(entries)?.name).toBe('fast');
    expect(fastest(entries.slice(1, 2))).toBeUndefined();
  });
});

describe('columns', () => {
  it('are aligned', () => {
    const rows = [
      ['kernel', 'ms'],
      ['a', '1.00'],
      ['longer name', '23.4'],
    ];
    expect(columns(rows, new Set([1]))).toBe('kernel         ms\na            1.00\nlonger name  23.4');
  });
});

describe('WGSL in colours', () => {
  it('keeps every character', () => {
    const line = '  let x_1 = vec4<f32>(0.5f) * select(a.x, 0x1Fu, i < 3u); // = 4';
    const tokens = tokensOf(line);
    expect(tokens.map(({ text }) => text).join('')).toBe(line);
    const kindOf = (text: string) => tokens.find((token) => token.text === text)?.kind;
    expect(kindOf('let')).toBe('keyword');
    expect(kindOf('vec4')).toBe('type');
    expect(kindOf('0.5f')).toBe('number');
    expect(kindOf('0x1Fu')).toBe('number');
    expect(kindOf('select')).toBe('function');
    expect(kindOf('// = 4')).toBe('comment');
    expect(tokensOf('//! weights blocks')).toEqual([{ kind: 'directive', text: '//! weights blocks' }]);
    expect(tokensOf('@compute').map(({ kind }) => kind)).toEqual(['attribute']);
    expect(tokensOf('')).toEqual([]);
  });
});
