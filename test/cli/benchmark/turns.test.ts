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
});
