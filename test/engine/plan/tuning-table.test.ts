import { describe, expect, it } from 'vitest';
import {
  checkTable,
  conditionsKey,
  describeTuning,
  emptyTable,
  LONGEST_TABLE,
  mergeTables,
  printTable,
  restrictTable,
  type TunedLayer,
  type TuningTable,
  tuningConditions,
  winnersOf,
} from '../../../engine/plan/tuning-table.ts';
import { CORE_DEVICE } from '../../../shaders/kernel-device.ts';

const adapter = { vendor: 'acme', architecture: 'one', device: 'a1', description: 'Acme One (driver 7)' };
const profile = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, software: false, maxBindingBytes: 2 ** 27 };
const here = tuningConditions(3, 'shared', adapter, profile);

const first: TunedLayer = {
  winner: 'direct 4x16',
  microseconds: { 'direct 4x16': 10.5, 'direct 2x16': 20, general: 400 },
};
const second: TunedLayer = { winner: 'general', microseconds: { general: 3, winograd: null } };

function tableOf(layers: Record<string, TunedLayer>): TuningTable {
  return { ...emptyTable(here), layers };
}

describe('a tuning table', () => {
  it('survives being printed and read, as text and as an object', () => {
    const table = tableOf({ 'conv2d a': first, 'conv2d b': second });
    expect(checkTable(printTable(table), here)).toEqual({ table });
    expect(checkTable(JSON.parse(JSON.stringify(table)), here)).toEqual({ table });
    expect(checkTable(printTable(emptyTable(here)), here)).toEqual({ table: emptyTable(here) });
  });

  it('has a line for each layer', () => {
    expect(printTable(tableOf({ 'conv2d a': first, 'conv2d b': second })).split('\n')).toHaveLength(6);
  });

  it('keeps layers whose keys are names of properties that every object has', () => {
    const text = printTable(tableOf({})).replace('{\n\n}', `{"__proto__":${JSON.stringify(first)}}`);
    const { table } = checkTable(text, here);
    expect(Object.keys(table?.layers ?? {})).toEqual(['__proto__']);
    expect(winnersOf(tableOf({})).get('constructor')).toBeUndefined();
    expect(mergeTables(tableOf({}), tableOf({ toString: first })).layers).toEqual({ toString: first });
  });

  it('is kept in a place of its adapter and features, whatever its version', () => {
    const key = conditionsKey(here);
    expect(conditionsKey({ ...here, kernels: 4 })).toBe(key);
    expect(conditionsKey(tuningConditions(3, 'shared', adapter, { ...profile, float16: false }))).not.toBe(key);
    expect(conditionsKey(tuningConditions(3, 'specialized', adapter, profile))).not.toBe(key);
    expect(conditionsKey(tuningConditions(3, 'shared', { ...adapter, description: 'driver 8' }, profile))).not.toBe(
      key,
    );
  });
});

describe('merging', () => {
  it('takes layers of both, and of a layer that both have the newer winner and the times of both', () => {
    const again: TunedLayer = { winner: 'winograd', microseconds: { winograd: 8, 'direct 4x16': 11 } };
    const merged = mergeTables(tableOf({ a: first, b: second }), tableOf({ a: again, c: second }));
    expect(merged.layers).toEqual({
      a: { winner: 'winograd', microseconds: { 'direct 4x16': 11, 'direct 2x16': 20, general: 400, winograd: 8 } },
      b: second,
      c: second,
    });
    expect(winnersOf(merged)).toEqual(
      new Map([
        ['a', 'winograd'],
        ['b', 'general'],
        ['c', 'general'],
      ]),
    );
  });

  it('changes nothing, not even the text, where all is known', () => {
    const all = tableOf({ b: second, a: first });
    expect(printTable(mergeTables(all, tableOf({ a: first })))).toBe(printTable(all));
  });

  it('can be restricted to the layers of a network', () => {
    expect(restrictTable(tableOf({ a: first, b: second }), ['b', 'unknown', 'toString']).layers).toEqual({ b: second });
  });
});

describe('a table that is not what it should be', () => {
  const good = tableOf({ a: first });
  const lying: Record<string, unknown> = {
    'a list': [],
    nothing: null,
    'a number': 7,
    'the empty object': {},
    'another format': { ...good, format: 2 },
    'another version of the kernels': { ...good, kernels: 4 },
    'another adapter': { ...good, adapter: { ...good.adapter, description: 'Acme Two' } },
    'an adapter with more to say': { ...good, adapter: { ...good.adapter, pciId: '7' } },
    'no adapter': { ...good, adapter: undefined },
    'another device': { ...good, device: { ...good.device, float16: false } },
    'a device that is a text': { ...good, device: 'all' },
    'other pipelines': { ...good, pipelines: 'specialized' },
    'layers as a list': { ...good, layers: [first] },
    'no layers': { ...good, layers: undefined },
    'a layer that is null': { ...good, layers: { a: null } },
    'a winner that was not timed': { ...good, layers: { a: { ...first, winner: 'fastest' } } },
    'a winner that every object has': { ...good, layers: { a: { ...first, winner: 'toString' } } },
    'a winner that does not compile': { ...good, layers: { a: { winner: 'x', microseconds: { x: null } } } },
    'a winner that is a number': { ...good, layers: { a: { ...first, winner: 1 } } },
    'times as a list': { ...good, layers: { a: { winner: '0', microseconds: [1] } } },
    'a time that is a text': { ...good, layers: { a: { winner: 'x', microseconds: { x: '1' } } } },
    'a negative time': { ...good, layers: { a: { winner: 'x', microseconds: { x: -1 } } } },
    'an endless time': { ...good, layers: { a: { winner: 'x', microseconds: { x: Number.POSITIVE_INFINITY } } } },
    'a name that moves the cursor': {
      ...good,
      layers: { a: { winner: '\u001b[2J', microseconds: { '\u001b[2J': 1 } } },
    },
    'a key of several lines': { ...good, layers: { 'a\nb': first } },
    'an endless key': { ...good, layers: { ['a'.repeat(10_000)]: first } },
  };

  it.each(Object.keys(lying))('%s', (what) => {
    const { table, problem } = checkTable(lying[what], here);
    expect(table).toBeUndefined();
    expect(problem).toMatch(/^(it|its) [\x20-\x7e…]{5,300}$/);
  });

  it('says what differs', () => {
    expect(checkTable(lying['another adapter'], here).problem).toBe(
      'it is for another adapter (its description is "Acme Two", here it is "Acme One (driver 7)")',
    );
    expect(checkTable(lying['another device'], here).problem).toMatch(
      /other features or limits \(its float16 is "false"/,
    );
    expect(checkTable(lying['another version of the kernels'], here).problem).toMatch(/another version of the kernels/);
  });

  it.each(['', '{', 'null', '[]', '"', '\u0000', printTable(good).slice(0, -3)])('the text %j', (text) => {
    expect(checkTable(text, here).problem).toMatch(/^it is no (JSON|tuning table)$/);
  });

  it('is refused by its length alone where it is too long, and whatever its depth', () => {
    expect(checkTable('['.repeat(LONGEST_TABLE + 1), here).problem).toBe('it is longer than 2 MiB');
    const deep = '['.repeat(LONGEST_TABLE / 2) + ']'.repeat(LONGEST_TABLE / 2);
    expect(checkTable(deep, here).problem).toMatch(/^it is no/);
  });
});

describe('describeTuning', () => {
  it('lists each layer with its kernels, the fastest first, the winner marked', () => {
    expect(describeTuning(tableOf({ 'conv2d a': first, 'conv2d b': second })).split('\n')).toEqual([
      'Kernels timed on Acme One (driver 7): 2 layers',
      'conv2d a',
      '  * direct 4x16       10.5 us',
      '    direct 2x16       20.0 us  x 1.90',
      '    general          400.0 us  x 38.10',
      'conv2d b',
      '  * general            3.0 us',
      '    winograd    does not compile here',
    ]);
  });
});
