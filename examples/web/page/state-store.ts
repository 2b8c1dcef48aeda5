/** Holds the state of a page, and tells those who watch a part of it when it changes. */
export class StateStore<State extends object> {
  #state: State;
  readonly #watchers: { readonly parts: readonly (keyof State)[]; readonly changed: (state: State) => void }[] = [];

  constructor(initial: State) {
    this.#state = initial;
  }

  get state(): State {
    return this.#state;
  }

  update(changes: Partial<State>): void {
    const before = this.#state;
    this.#state = { ...before, ...changes };
    for (const { parts, changed } of this.#watchers) {
      if (parts.some((part) => before[part] !== this.#state[part])) changed(this.#state);
    }
  }

  /** Calls back after every change of one of the parts, and once at the beginning. */
  watch(parts: readonly (keyof State)[], changed: (state: State) => void): void {
    this.#watchers.push({ parts, changed });
    changed(this.#state);
  }
}
