import type { AddressRules } from '../../../loadgen/net/address-rules.ts';
import type { SecretKeyRef } from '../../jobs/job-runner.ts';
import { Collections } from '../collections.ts';
import type { Target, TargetInfo, TargetServer } from '../target.ts';

export interface ExternalTargetOptions {
  /** As the user wrote it. */
  url: string;
  apiKey?: string;
  /** Where pods find the key themselves. */
  apiKeySecretRef?: SecretKeyRef;
  /** Where the server may be. */
  rules: AddressRules;
}

/** A Qdrant that is there already. We make and delete collections of our own names on it and nothing else. */
export class ExternalTarget implements Target {
  readonly #server: TargetServer;

  constructor({ url, apiKey, apiKeySecretRef, rules }: ExternalTargetOptions) {
    const given = apiKeySecretRef ? { secretKeyRef: apiKeySecretRef } : apiKey;
    const plain = url.replace(/\/$/, '');
    this.#server = {
      url: plain,
      own: false,
      ...(apiKey && given ? { apiKey: given } : {}),
      collections: new Collections(plain, { ...(apiKey ? { apiKey } : {}), rules }),
    };
  }

  async describe(): Promise<TargetInfo> {
    const { url, collections } = this.#server;
    return {
      identity: { kind: 'external', url },
      qdrantVersion: await collections.version(),
      description: `existing Qdrant at ${url}`,
      unsupported: [],
    };
  }

  open(): Promise<TargetServer> {
    return Promise.resolve(this.#server);
  }

  rest(): Promise<void> {
    return Promise.resolve();
  }

  remove(collection: string): Promise<void> {
    return this.#server.collections.delete(collection);
  }

  existing(names: readonly string[]): Promise<Set<string>> {
    return this.#server.collections.existing(names);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
