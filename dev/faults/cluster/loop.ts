/** Works on the whole state again whenever told that something changed: one run at a time, none missed. */
export class Loop {
  readonly #sync: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #wanted = false;
  #running: Promise<void> | undefined;
  #stopped = false;
  readonly #reminder: NodeJS.Timeout;

  /** @param onError told what `sync` threw; it is run again after a moment. */
  constructor(sync: () => Promise<void>, onError: (error: unknown) => void, everyMs = 500) {
    this.#sync = sync;
    this.#onError = onError;
    this.#reminder = setInterval(() => this.poke(), everyMs);
  }

  poke(): void {
    if (this.#stopped) return;
    this.#wanted = true;
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  /** Runs no more once this has resolved. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#reminder);
    await this.#running;
  }

  async #run(): Promise<void> {
    // Changes come in bursts: what a moment brings is worked on at once.
    while (this.#wanted && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      this.#wanted = false;
      try {
        await this.#sync();
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
