/** Why nothing happens just now: `Qdrant: no node takes its pod: Insufficient cpu`. */
export class Waits {
  readonly #reasons = new Map<string, string>();
  #listener: (() => void) | undefined;

  get why(): string | undefined {
    return this.#reasons.size === 0 ? undefined : [...this.#reasons].map((pair) => pair.join(': ')).join('; ');
  }

  /** @param source what is waited for; without `why` it is there. */
  readonly set = (source: string, why: string | undefined): void => {
    if (why === this.#reasons.get(source)) return;
    if (why === undefined) this.#reasons.delete(source);
    else this.#reasons.set(source, why);
    this.#listener?.();
  };

  clear(): void {
    for (const source of this.#reasons.keys()) this.set(source, undefined);
  }

  /** Only the latest listener is told. */
  listen(listener: () => void): void {
    this.#listener = listener;
  }
}
