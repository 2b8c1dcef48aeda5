import { describe, expect, test } from 'vitest';
import { cocoLabels, defaultLabels } from '../../models/labels.ts';
import { parseLabels } from '../../models/parse-labels.ts';
import { parsePythonLiteral } from '../../models/python-literal.ts';

describe('labels', () => {
  test('of COCO are its 80 categories', () => {
    expect(cocoLabels).toHaveLength(80);
    expect([cocoLabels[0], cocoLabels[11], cocoLabels[79]]).toEqual(['person', 'stop sign', 'toothbrush']);
    expect(new Set(cocoLabels).size).toBe(80);
  });

  test('default to COCO for 80 classes and to numbers for others', () => {
    expect(defaultLabels(80)).toBe(cocoLabels);
    expect(defaultLabels(2)).toEqual(['class 0', 'class 1']);
  });

  test('are read from what exporters write', () => {
    expect(parseLabels(`{0: 'person', 1: "kid's bike", 2: 'caf\\u00e9'}`)).toEqual(['person', "kid's bike", 'café']);
    expect(parseLabels(`['a', 'b']`)).toEqual(['a', 'b']);
    expect(parseLabels('["a", "b"]')).toEqual(['a', 'b']);
    expect(parseLabels('{"0": "a", "2": "c"}')).toEqual(['a', 'class 1', 'c']);
    expect(parseLabels('{}')).toEqual([]);
  });

  test('that are anything else are not read', () => {
    for (const text of ['', 'person, bicycle', '{0: 1}', `{-1: 'a'}`, `{9999999999: 'a'}`, `{'x': 'a'}`, '[1]', '7']) {
      expect(parseLabels(text)).toBeUndefined();
    }
  });
});

describe('Python literals', () => {
  test('of every kind', () => {
    expect(parsePythonLiteral(' [1, -2.5e3, True, False, None, (1,), [], \'a\', "b"] ')).toEqual([
      1,
      -2500,
      true,
      false,
      null,
      [1],
      [],
      'a',
      'b',
    ]);
    expect(parsePythonLiteral(`{'a': {1: 2}}`)).toEqual(new Map([['a', new Map([[1, 2]])]]));
    expect(parsePythonLiteral(`'\\n\\x41\\U0001F600\\'\\\\'`)).toBe("\nA😀'\\");
  });

  test('that are broken, hostile or not literals', () => {
    const texts = ['', '[', '[1', "'a", '{1: }', '{1 2}', '[1 2]', '1]', 'print(1)', "'\\xzz'", "'\\U00FFFFFF'", 'a.b'];
    for (const text of [...texts, '['.repeat(100_000)]) expect(parsePythonLiteral(text)).toBeUndefined();
  });
});
