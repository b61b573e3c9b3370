import { QdrantClient } from '@qdrant/js-client-rest';
import { Agent, Dispatcher1Wrapper } from 'undici';
import type { AddressRules } from '../../loadgen/net/address-rules.ts';
import { checkedConnector } from '../../loadgen/net/connect.ts';
import { NetError, networkFault } from '../../loadgen/net/net-error.ts';
import { effects, NotLeading } from '../runtime/effects.ts';
import { TargetError } from './target.ts';

type Api = ReturnType<QdrantClient['api']>;
/** What the client's calls take besides their parameters. */
type CallInit = NonNullable<Parameters<Api['root']>[1]>;

/** Longest answer read; ours are a few hundred bytes. */
const MAX_ANSWER_BYTES = 2 ** 20;

export interface CollectionsOptions {
  apiKey?: string;
  /** Where the server may be. */
  rules: AddressRules;
  /** Longest wait for an answer. Default 30 s. */
  timeoutMs?: number;
}

/** Collections on one Qdrant, by the official client. Knows no sweep; whose a collection is, its callers have to know. */
export class Collections {
  readonly #api: Api;
  readonly #url: string;
  /** What the client takes with each call in place of its own. A redirect would take the API key along. */
  readonly #init: CallInit;

  constructor(url: string, { apiKey, rules, timeoutMs = 30_000 }: CollectionsOptions) {
    this.#url = url;
    const { port, protocol } = new URL(url);
    const client = new QdrantClient({
      url,
      // The client would take 6333 where a URL means its scheme's own port.
      port: port ? Number(port) : protocol === 'https:' ? 443 : 80,
      // As a header: given as apiKey the client would write a warning to the console for every http URL.
      ...(apiKey ? { headers: { 'api-key': apiKey } } : {}),
      checkCompatibility: false,
      timeout: timeoutMs,
    });
    this.#api = client.api();
    const agent = new Agent({
      connect: checkedConnector({ rules }),
      maxResponseSize: MAX_ANSWER_BYTES,
      // Timeouts are the client's.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 10_000,
    });
    // The fetch inside of Node is of an older undici, and speaks to a dispatcher in its manner.
    const dispatcher = new Dispatcher1Wrapper(agent);
    this.#init = { dispatcher, redirect: 'error' } as unknown as CallInit;
  }

  /** The server's version, such as `1.19.0`. */
  async version(): Promise<string> {
    const { data } = await this.#ask('the version', () => this.#api.root({}, this.#init));
    const { version } = data as { version?: unknown };
    if (typeof version !== 'string' || !/^v?\d+\.\d+\.\d+[-+.\w]{0,32}$/.test(version)) {
      throw new TargetError(
        'TargetUnreachable',
        `${this.#url} answers, but not as Qdrant does (no version); check the address and the port`,
      );
    }
    return version;
  }

  /** @throws {TargetError} `NameTaken` when it exists already: then it is not the one we were about to make. */
  async create(name: string, body: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#ask(`to create collection ${name}`, () =>
      effects.perform('qdrant create collection', () =>
        this.#api.createCollection({ ...body, collection_name: name }, this.#init),
      ),
    );
  }

  async exists(name: string): Promise<boolean> {
    const { data } = await this.#ask(`whether collection ${name} exists`, () =>
      this.#api.collectionExists({ collection_name: name }, this.#init),
    );
    return data.result?.exists === true;
  }

  /** Which of these exist. */
  async existing(names: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (const name of names) if (await this.exists(name)) found.add(name);
    return found;
  }

  /** Deletes a collection; one that is gone already is no error. */
  async delete(name: string): Promise<void> {
    await this.#ask(`to delete collection ${name}`, () =>
      effects.perform('qdrant delete collection', () =>
        this.#api.deleteCollection({ collection_name: name, timeout: 60 }, this.#init),
      ),
    );
  }

  async #ask<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof NotLeading) throw error;
      throw targetError(error, `asked ${what}, Qdrant at ${this.#url}`);
    }
  }
}

/**
 * Sorts what the official client throws into the reasons we act on. Of an answer only Qdrant's own `status.error` is told:
 * the address is a user's, and what another server says there is not to be read in a status. Hence no cause either.
 */
export function targetError(error: unknown, subject: string): TargetError {
  const { status, data } = (error ?? {}) as { status?: number; data?: { status?: { error?: unknown } } };
  const words = data?.status?.error;
  const said = typeof words === 'string' ? words.slice(0, 500) : "not in Qdrant's words";
  if (status === 409) return new TargetError('NameTaken', `${subject} says the name is taken: ${said}`);
  if (status === 401 || status === 403) {
    return new TargetError(
      'TargetUnreachable',
      `${subject} refused the API key (HTTP ${status}); check it and its rights`,
    );
  }
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return new TargetError('Refused', `${subject} refused (HTTP ${status}): ${said}`);
  }
  const why = status === undefined ? fault(error) : `(HTTP ${status}): ${said}`;
  return new TargetError('TargetUnreachable', `${subject} cannot be reached: ${why}`);
}

/** Why there was no answer, or none that is Qdrant's. */
function fault(error: unknown): string {
  const { cause, name } = (error ?? {}) as { cause?: unknown; name?: string };
  if (cause instanceof NetError) return `it ${cause.message}`;
  if (cause !== undefined && cause !== null) return networkFault(cause);
  return name === 'QdrantClientTimeoutError' ? 'it took too long' : "the answer is not Qdrant's";
}
