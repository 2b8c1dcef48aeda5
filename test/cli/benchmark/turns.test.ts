import { describe, expect, it } from 'vitest';
import { takeTurns } from '../../../cli/benchmark/turns.ts';

describe('takeTurns', () => {
  it('lets contenders run one after the other, and forgets the warm-ups', async () => {
    const order: string[] = [];
    let running = 0;
    const contender = (name: string) => async () => {
      expect(running++).toBe(0);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      order.push(name);
    };
    const progress: [number, number][] = [];
    const samples = await takeTurns([contender('A'), contender('B')], {
      turns: 2,
      warmUps: 1,
      onTurn: (done, total) => progress.push([done, total]),
    });
    expect(order.join(' ')).toBe('A B A B A B');
    expect(samples.map(({ length }) => length)).toEqual([2, 2]);
    expect(progress).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
  });

  it('takes the first turn that counts and no other once its time is over', async () => {
    let runs = 0;
    const slow = async () => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const [samples] = await takeTurns([slow], { turns: 5, warmUps: 3, atMostMs: 1 });
    expect({ runs, counted: samples.length }).toEqual({ runs: 2, counted: 1 });
  });
});
