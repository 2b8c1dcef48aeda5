export interface TurnOptions {
  readonly turns: number;
  /** Turns before those that count: clocks rise, caches fill, and engines learn how long to wait. Default 2. */
  readonly warmUps?: number;
  /** Once this much time has gone, no turn is begun but the first that counts. Default: no limit. */
  readonly atMostMs?: number;
  readonly onTurn?: (done: number, total: number) => void;
}

/**
 * Runs contenders turn by turn, so that whatever else the machine does meets all alike.
 * @returns for each contender the milliseconds of its runs, one for each turn
 */
export async function takeTurns(
  contenders: readonly (() => Promise<unknown>)[],
  { turns, warmUps = 2, atMostMs = Number.POSITIVE_INFINITY, onTurn }: TurnOptions,
): Promise<number[][]> {
  const samples = contenders.map((): number[] => []);
  const end = performance.now() + atMostMs;
  for (let turn = -warmUps; turn < turns; turn++) {
    if (performance.now() > end) {
      if (turn > 0) break;
      turn = 0;
    }
    for (const [index, run] of contenders.entries()) {
      const started = performance.now();
      await run();
      if (turn >= 0) samples[index].push(performance.now() - started);
    }
    onTurn?.(turn + warmUps + 1, turns + warmUps);
  }
  return samples;
}
