/** A kind as its REST path needs it. */
export interface KubeKind {
  /** `v1`, `batch/v1`, `qdrantbench.io/v1alpha1`. */
  apiVersion: string;
  kind: string;
  plural: string;
  /** Default true. */
  namespaced?: boolean;
}

export interface ObjectRef extends KubeKind {
  /** Absent for kinds that have none. */
  namespace?: string;
  name: string;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  /** Opaque: to be compared for equality only. */
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  /** Present once deletion was asked for; the object goes when its finalizers are gone. */
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  [field: string]: unknown;
}

/** An object as the API server sent it, unknown fields included. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export interface ListOptions {
  /** Default: all namespaces. */
  namespace?: string;
  /** `app=x,tier!=y`. */
  labelSelector?: string;
  /** `spec.nodeName=x`. */
  fieldSelector?: string;
}

export type WatchEvent =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubeObject }
  /** Nothing changed; carries the version to go on from. */
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface WatchOptions extends ListOptions {
  resourceVersion: string;
  /** The server ends the watch after so long. */
  timeoutSeconds: number;
  /** A connection silent for so long is taken for dead. The server sends a bookmark about every minute. */
  idleMs: number;
}

/**
 * The API server. Every request has a time limit. Failures are {@link KubeError}s, but for an aborted `signal`, whose
 * reason is thrown.
 */
export interface Kube {
  /** undefined when there is none. */
  get(ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined>;
  /** All of them, page by page. */
  list(kind: KubeKind, options?: ListOptions, signal?: AbortSignal): Promise<KubeObject[]>;
  /** As `list`, with the version a watch goes on from. */
  listWithVersion(
    kind: KubeKind,
    options?: ListOptions,
    signal?: AbortSignal,
  ): Promise<{ items: KubeObject[]; resourceVersion: string }>;
  /** @throws {KubeError} `AlreadyExists` (409). */
  create(object: KubeObject, signal?: AbortSignal): Promise<KubeObject>;
  /**
   * Server-side apply under our one field manager: makes the object, or changes the fields given and drops those we
   * applied before and now leave out. With `force`, fields of others become ours; without, they are a 409 `Conflict`.
   */
  apply(object: KubeObject, options: { force: boolean }, signal?: AbortSignal): Promise<KubeObject>;
  /** JSON merge patch of `/status`: null removes a field. With `resourceVersion`, 409 when the object has changed since. */
  patchStatus(
    ref: ObjectRef,
    status: unknown,
    options?: { resourceVersion?: string },
    signal?: AbortSignal,
  ): Promise<KubeObject>;
  /** JSON merge patch; put `metadata.resourceVersion` in it to lose no change of others. */
  mergePatch(ref: ObjectRef, patch: unknown, signal?: AbortSignal): Promise<KubeObject>;
  /** False when it (or, with `uid`, that very object) was gone already. */
  delete(ref: ObjectRef, options?: DeleteOptions, signal?: AbortSignal): Promise<boolean>;
  /** The text of a GET, such as a node's metrics; cut short with an error when it is longer than `maxBytes`. */
  raw(path: string, options: { timeoutMs: number; maxBytes: number }, signal?: AbortSignal): Promise<string>;
  /** One watch until the server ends it. An error the server sends in the stream is thrown. */
  watch(kind: KubeKind, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent>;
}

export interface DeleteOptions {
  /** `Background` when left out: what it owns goes after it. `Foreground`: before it. */
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  /** Only the object with this UID, never a later one of the same name. */
  uid?: string;
  gracePeriodSeconds?: number;
}

/** What the API server refused, or that it could not be asked. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** Kubernetes' own: `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, `Expired` …; `Unreachable`, `Timeout`, `Malformed`, `TooLarge` and `NoSuchPath` (a kind this server does not have) are ours. */
  readonly reason: string;
  /** Seconds the server wants us to wait. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    reason: string,
    message: string,
    options: { cause?: unknown; retryAfter?: number | undefined } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.reason = reason;
    this.retryAfter = options.retryAfter;
  }
}

/** Somebody changed the object meanwhile: read it again and repeat. (A taken name is 409 as well, but is no conflict.) */
export const isConflict = (error: unknown): boolean =>
  error instanceof KubeError && error.status === 409 && error.reason !== 'AlreadyExists';

/** There is no such object; unlike `NoSuchPath`, where the server does not know the kind, as before its CRD is there. */
export const isNotFound = (error: unknown): boolean => error instanceof KubeError && error.reason === 'NotFound';

export const alreadyExists = (error: unknown): boolean =>
  error instanceof KubeError && error.reason === 'AlreadyExists';

/** Whether trying the same again later may help: no answer, too many requests, or the server's own trouble. */
export const isTransient = (error: unknown): boolean =>
  error instanceof KubeError && (error.status === 0 || error.status === 429 || error.status >= 500);

export const refOf = (kind: KubeKind, { metadata }: Pick<KubeObject, 'metadata'>): ObjectRef => ({
  ...kind,
  name: metadata.name,
  ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
});
