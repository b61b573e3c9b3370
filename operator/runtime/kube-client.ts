import { KubeConfig } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import { sleep, systemClock } from './clock.ts';
import { Connection } from './connection.ts';
import { effects } from './effects.ts';
import { KINDS } from './kinds.ts';
import {
  type DeleteOptions,
  type Kube,
  type KubeKind,
  type KubeObject,
  type ListOptions,
  type ObjectRef,
  type WatchEvent,
  type WatchOptions,
  isConflict,
  isNotFound,
  KubeError,
} from './kube.ts';
import { kindPath, objectPath, queryText } from './paths.ts';
import { failed, refused, text } from './response.ts';
import { noMetrics, type RuntimeMetrics } from './runtime-metrics.ts';
import type { TokenBucket } from './token-bucket.ts';
import { watchEvents } from './watch-stream.ts';

export interface KubeClientOptions {
  config: KubeConfig;
  /** `qdrant-bench/0.1.0`. */
  userAgent: string;
  /** Under which our server-side applies are recorded. */
  fieldManager: string;
  /** Kinds besides the built-in ones that are created or applied. */
  kinds?: readonly KubeKind[];
  /** Time limit of a request that names none. */
  timeoutMs?: number;
  /** What the server does with fields it does not know: `Strict` refuses them (tests), `Warn` is its default. */
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  /** How often the server may be asked. Default: without a limit. */
  rate?: Pick<TokenBucket, 'take'>;
  metrics?: Pick<RuntimeMetrics, 'requested'>;
  /** Whose writes these are, in the names of effects: `kube`, or the election's own. */
  writer?: 'kube' | 'election';
}

const PAGE = 500;
const MAX_BYTES = 64 * 2 ** 20;
const MAX_TRIES = 4;
const LONGEST_RETRY_AFTER = 10;
const never = new AbortController().signal;

/** A request; all but GET say what they do, as an effect: `create Job`. */
type Call = { path: string } & ({ method: 'GET' } | { method: 'POST' | 'PATCH' | 'DELETE'; effect: string }) &
  CallOptions;

interface CallOptions {
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/** Reads the kubeconfig at `path`; without one, the pod's service account, $KUBECONFIG or ~/.kube/config. */
export function loadKubeConfig(path?: string, env: NodeJS.ProcessEnv = process.env, context?: string): KubeConfig {
  const config = new KubeConfig();
  if (path) config.loadFromFile(path);
  else if (env['KUBERNETES_SERVICE_HOST'] && !env['KUBECONFIG']) config.loadFromCluster();
  else config.loadFromDefault();
  if (context) config.setCurrentContext(context);
  return config;
}

/**
 * A thin client over raw JSON. The library's typed one drops fields it does not know from what it reads and writes, has
 * no apply, and no time limits; of the library we keep kubeconfigs, authentication and TLS.
 */
export class KubeClient implements Kube {
  readonly #options: KubeClientOptions;
  readonly #connection: Connection;
  readonly #kinds: ReadonlyMap<string, KubeKind>;

  constructor(options: KubeClientOptions) {
    this.#options = options;
    this.#connection = new Connection(options.config);
    const kinds: readonly KubeKind[] = [...Object.values(KINDS), ...(options.kinds ?? [])];
    this.#kinds = new Map(kinds.map((kind) => [`${kind.apiVersion}/${kind.kind}`, kind]));
  }

  async get(ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return await this.#object({ method: 'GET', path: objectPath(ref), signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list(kind: KubeKind, options: ListOptions = {}, signal?: AbortSignal): Promise<KubeObject[]> {
    return (await this.listWithVersion(kind, options, signal)).items;
  }

  async listWithVersion(
    kind: KubeKind,
    options: ListOptions = {},
    signal?: AbortSignal,
  ): Promise<{ items: KubeObject[]; resourceVersion: string }> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#pages(kind, options, signal);
      } catch (error) {
        // So many changes while we paged that the server forgot where we were: begin again.
        if (!(error instanceof KubeError && error.status === 410) || tries === MAX_TRIES) throw error;
      }
    }
  }

  create(object: KubeObject, signal?: AbortSignal): Promise<KubeObject> {
    const { namespace, ...kind } = this.#refOf(object);
    return this.#object({
      method: 'POST',
      effect: `create ${kind.kind}`,
      path: kindPath(kind, namespace),
      query: this.#writing(),
      body: object,
      signal,
    });
  }

  apply(object: KubeObject, { force }: { force: boolean }, signal?: AbortSignal): Promise<KubeObject> {
    return this.#object({
      method: 'PATCH',
      effect: `apply ${object.kind}`,
      path: objectPath(this.#refOf(object)),
      query: { ...this.#writing(), force: String(force) },
      body: object,
      contentType: 'application/apply-patch+yaml',
      signal,
    });
  }

  patchStatus(
    ref: ObjectRef,
    status: unknown,
    { resourceVersion }: { resourceVersion?: string } = {},
    signal?: AbortSignal,
  ): Promise<KubeObject> {
    const patch = { ...(resourceVersion ? { metadata: { resourceVersion } } : {}), status };
    return this.#patch(`patch ${ref.kind} status`, `${objectPath(ref)}/status`, patch, signal);
  }

  mergePatch(ref: ObjectRef, patch: unknown, signal?: AbortSignal): Promise<KubeObject> {
    return this.#patch(`patch ${ref.kind}`, objectPath(ref), patch, signal);
  }

  async delete(ref: ObjectRef, options: DeleteOptions = {}, signal?: AbortSignal): Promise<boolean> {
    const { propagationPolicy = 'Background', uid, gracePeriodSeconds } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy,
      ...(uid ? { preconditions: { uid } } : {}),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    };
    try {
      await this.#object({ method: 'DELETE', effect: `delete ${ref.kind}`, path: objectPath(ref), body, signal });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      // Another object has the name by now.
      if (uid && isConflict(error) && /UID in (the )?precondition/.test(String(error))) return false;
      throw error;
    }
  }

  async raw(path: string, limits: { timeoutMs: number; maxBytes: number }, signal?: AbortSignal): Promise<string> {
    const call: Call = { method: 'GET', path, timeoutMs: limits.timeoutMs, signal };
    return this.#send(call, (body) => text(body, limits.maxBytes));
  }

  async *watch(kind: KubeKind, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const { namespace, timeoutSeconds, idleMs, resourceVersion, labelSelector, fieldSelector } = options;
    const path = kindPath(kind, namespace);
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(timeoutSeconds),
      resourceVersion,
      labelSelector,
      fieldSelector,
    };
    // The server ends a watch in its own time; this is for when it does not.
    const deadline = (timeoutSeconds + 30) * 1000;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(deadline)]);
    const subject = `watch ${kind.plural}`;
    try {
      await this.#options.rate?.take(signal);
      const response = await this.#request({
        path: `${path}${queryText(query)}`,
        method: 'GET',
        headers: { accept: 'application/json' },
        headersTimeout: this.#timeoutMs(),
        bodyTimeout: idleMs,
        signal: limit,
      });
      if (response.statusCode !== 200) throw await refused(response, subject);
      yield* watchEvents(response.body, subject);
    } catch (error) {
      throw failed(error, subject, signal);
    }
  }

  /** Ends all connections. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  async #pages(kind: KubeKind, { namespace, labelSelector, fieldSelector }: ListOptions, signal?: AbortSignal) {
    const items: KubeObject[] = [];
    let next: string | undefined;
    for (;;) {
      const page = (await this.#object({
        method: 'GET',
        path: kindPath(kind, namespace),
        query: { limit: String(PAGE), continue: next, labelSelector, fieldSelector },
        signal,
      })) as unknown as { items?: KubeObject[]; metadata: { resourceVersion?: string; continue?: string } };
      // Items of a list carry neither; everything else we handle does.
      for (const item of page.items ?? []) items.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind });
      next = page.metadata.continue;
      if (!next) return { items, resourceVersion: page.metadata.resourceVersion ?? '' };
    }
  }

  #patch(effect: string, path: string, body: unknown, signal?: AbortSignal): Promise<KubeObject> {
    const contentType = 'application/merge-patch+json';
    return this.#object({ method: 'PATCH', effect, path, query: this.#writing(), body, contentType, signal });
  }

  #writing(): Record<string, string | undefined> {
    return { fieldManager: this.#options.fieldManager, fieldValidation: this.#options.fieldValidation };
  }

  #refOf({ apiVersion, kind, metadata }: KubeObject): ObjectRef {
    const known = this.#kinds.get(`${apiVersion}/${kind}`);
    if (!known) throw new TypeError(`${apiVersion} ${kind} is no kind this client was told of`);
    if (known.namespaced !== false && !metadata.namespace) {
      throw new TypeError(`${kind} ${metadata.name} has no metadata.namespace, which its kind needs`);
    }
    return { ...known, name: metadata.name, ...(metadata.namespace ? { namespace: metadata.namespace } : {}) };
  }

  #timeoutMs(): number {
    return this.#options.timeoutMs ?? 15_000;
  }

  async #object(call: Call): Promise<KubeObject> {
    return this.#send(call, async (body) => {
      const reply = await text(body, MAX_BYTES);
      try {
        return JSON.parse(reply) as KubeObject;
      } catch (error) {
        throw new KubeError(0, 'Malformed', `${subjectOf(call)}: the answer is no JSON`, { cause: error });
      }
    });
  }

  #send<T>(call: Call, read: (body: Dispatcher.ResponseData['body']) => Promise<T>): Promise<T> {
    if (call.method === 'GET') return this.#persist(call, read);
    return effects.perform(`${this.#options.writer ?? 'kube'} ${call.effect}`, () => this.#persist(call, read));
  }

  async #persist<T>(call: Call, read: (body: Dispatcher.ResponseData['body']) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#once(call, read);
      } catch (error) {
        const wait = error instanceof KubeError && error.status === 429 ? (error.retryAfter ?? 1) : undefined;
        // The server says it did nothing: repeating is safe for every method.
        if (wait === undefined || wait > LONGEST_RETRY_AFTER || tries === MAX_TRIES) throw error;
        await sleep(systemClock, wait * 1000, call.signal ?? never);
      }
    }
  }

  async #once<T>(call: Call, read: (body: Dispatcher.ResponseData['body']) => Promise<T>): Promise<T> {
    const timeoutMs = call.timeoutMs ?? this.#timeoutMs();
    await this.#options.rate?.take(call.signal ?? never);
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#request({
        path: `${call.path}${queryText(call.query ?? {})}`,
        method: call.method,
        headers: {
          accept: call.path.startsWith('/api') ? 'application/json, */*' : '*/*',
          ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal: call.signal ? AbortSignal.any([call.signal, limit]) : limit,
      });
      if (response.statusCode >= 300) throw await refused(response, subjectOf(call));
      return await read(response.body);
    } catch (error) {
      throw failed(error, subjectOf(call), call.signal);
    }
  }

  async #request(options: Omit<Dispatcher.RequestOptions, 'headers'> & { headers: Record<string, string> }) {
    const { userAgent, metrics = noMetrics } = this.#options;
    const { origin, prefix, headers, dispatcher } = await this.#connection.access();
    try {
      const response = await dispatcher.request({
        ...options,
        origin,
        path: `${prefix}${options.path}`,
        headers: { ...headers, 'user-agent': userAgent, ...options.headers },
      });
      metrics.requested(options.method, response.statusCode);
      return response;
    } catch (error) {
      metrics.requested(options.method, 0);
      throw error;
    }
  }
}

const subjectOf = ({ method, path }: Call): string => `${method} ${path}`;
