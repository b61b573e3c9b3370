import { QdrantClient } from '@qdrant/js-client-rest';
import { TargetError } from './target.ts';

/** Collections on one Qdrant, by the official client. Knows no sweep; whose a collection is, its callers have to know. */
export class Collections {
  readonly #client: QdrantClient;
  readonly #url: string;

  constructor(url: string, apiKey?: string, timeoutMs = 30_000) {
    this.#url = url;
    const { port, protocol } = new URL(url);
    this.#client = new QdrantClient({
      url,
      // The client would take 6333 where a URL means its scheme's own port.
      port: port ? Number(port) : protocol === 'https:' ? 443 : 80,
      // As a header: given as apiKey the client would write a warning to the console for every http URL.
      ...(apiKey ? { headers: { 'api-key': apiKey } } : {}),
      checkCompatibility: false,
      timeout: timeoutMs,
    });
  }

  /** The server's version, such as `1.19.0`. */
  async version(): Promise<string> {
    const about: { version?: unknown } = await this.#ask('the version', () => this.#client.versionInfo());
    if (typeof about.version !== 'string') {
      throw new TargetError(
        'TargetUnreachable',
        `${this.#url} answers, but not as Qdrant does (no version); check the address and the port`,
      );
    }
    return about.version.slice(0, 64);
  }

  /** @throws {TargetError} `NameTaken` when it exists already: then it is not the one we were about to make. */
  async create(name: string, body: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#ask(`to create collection ${name}`, () =>
      this.#client.createCollection(name, body as unknown as Parameters<QdrantClient['createCollection']>[1]),
    );
  }

  async exists(name: string): Promise<boolean> {
    return (await this.#ask(`whether collection ${name} exists`, () => this.#client.collectionExists(name))).exists;
  }

  /** Deletes a collection; one that is gone already is no error. */
  async delete(name: string): Promise<void> {
    await this.#ask(`to delete collection ${name}`, () => this.#client.deleteCollection(name, { timeout: 60 }));
  }

  async #ask<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw targetError(error, `asked ${what}, Qdrant at ${this.#url}`);
    }
  }
}

/** Sorts what the official client throws into the reasons we act on. */
export function targetError(error: unknown, subject: string): TargetError {
  const { status, message, data, cause } = error as {
    status?: number;
    message?: string;
    data?: { status?: { error?: string } };
    cause?: { code?: string; message?: string };
  };
  const said = String(data?.status?.error ?? cause?.message ?? cause?.code ?? message ?? error).slice(0, 500);
  if (status === 409)
    return new TargetError('NameTaken', `${subject} says the name is taken: ${said}`, { cause: error });
  if (status === 401 || status === 403) {
    return new TargetError(
      'TargetUnreachable',
      `${subject} refused the API key (HTTP ${status}); check it and its rights`,
      { cause: error },
    );
  }
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return new TargetError('Refused', `${subject} refused (HTTP ${status}): ${said}`, { cause: error });
  }
  return new TargetError(
    'TargetUnreachable',
    `${subject} cannot be reached${status ? ` (HTTP ${status})` : ''}: ${said}`,
    {
      cause: error,
    },
  );
}
