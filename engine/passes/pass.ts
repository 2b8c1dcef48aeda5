import type { Graph } from '../graph/types.ts';

/** A rewrite of the graph that keeps what the network computes. */
export interface Pass {
  /** What a person disables it by. */
  readonly name: string;
  /** One sentence, for lists. */
  readonly description: string;
  /** Whether later stages rely on it, so that it can't be disabled. */
  readonly required: boolean;
  run(graph: Graph): PassResult;
}

export interface PassResult {
  readonly graph: Graph;
  /** What was done, in words; nothing if and only if the graph is unchanged. */
  readonly notes: readonly string[];
}

/** Counts what a pass does, and says it. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** `x * sigmoid(x) became SiLU: 57`. */
  get notes(): string[] {
    return Array.from(this.#counts, ([what, count]) => `${what}: ${count}`);
  }
}
