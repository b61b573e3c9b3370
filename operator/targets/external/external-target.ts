import { Collections } from '../collections.ts';
import type { Target, TargetInfo, TargetServer } from '../target.ts';

/** A Qdrant that is there already. We make and delete collections of our own names on it and nothing else. */
export class ExternalTarget implements Target {
  readonly #url: string;
  readonly #apiKey: string | undefined;
  readonly #collections: Collections;

  constructor(url: string, apiKey?: string) {
    this.#url = url.replace(/\/$/, '');
    this.#apiKey = apiKey;
    this.#collections = new Collections(this.#url, apiKey);
  }

  async describe(): Promise<TargetInfo> {
    return {
      identity: { kind: 'external', url: this.#url },
      qdrantVersion: await this.#collections.version(),
      description: `existing Qdrant at ${this.#url}`,
      unsupported: [],
    };
  }

  open(): Promise<TargetServer> {
    return Promise.resolve({ url: this.#url, ...(this.#apiKey ? { apiKey: this.#apiKey } : {}) });
  }

  rest(): Promise<void> {
    return Promise.resolve();
  }

  remove(collection: string): Promise<void> {
    return this.#collections.delete(collection);
  }

  async existing(names: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (const name of names) if (await this.#collections.exists(name)) found.add(name);
    return found;
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
