import type { Isolation } from '../../loadgen/protocol.ts';
import type { JobSecret } from '../jobs/job-runner.ts';
import type { TargetIdentity } from '../sweep/identity.ts';
import type { Collections } from './collections.ts';

/** What a target is, as far as numbers depend on it. */
export interface TargetInfo {
  identity: TargetIdentity;
  qdrantVersion: string;
  /** For people: `throw-away local engine, 2 cores`. */
  description: string;
  /** Parameters this Qdrant cannot honour, by name; they are kept out of the default space. */
  unsupported: readonly string[];
}

/** A Qdrant ready for one build. */
export interface TargetServer {
  url: string;
  /** The API key, if any, or where it is; it travels to the job by environment only. */
  apiKey?: JobSecret;
  /** Made by us, wherever it is. Any other is one a user named, and has to be where such may be. */
  own: boolean;
  /** Collections on it. */
  collections: Collections;
  /** Process id, where the server runs on this machine. */
  pid?: number;
  isolation?: Isolation;
}

/** Where Qdrant runs. One measurement at a time; every method may be repeated. */
export interface Target {
  /** @throws {TargetError} when it cannot be reached. */
  describe(signal: AbortSignal): Promise<TargetInfo>;
  /** The server an attempt's collection lives on: made if need be, its data as they were left. */
  open(collection: string, signal: AbortSignal): Promise<TargetServer>;
  /** Lets the server rest; its data stay until the collection is deleted. */
  rest(collection: string): Promise<void>;
  /** Deletes a collection that is ours, and what was made to hold it. True when it is gone, also when it was already. */
  remove(collection: string, signal: AbortSignal): Promise<void>;
  /** Which of these collections exist and hold data. */
  existing(collections: readonly string[], signal: AbortSignal): Promise<Set<string>>;
  /** Frees everything of this process; with `deleteData`, also what the target keeps. */
  dispose(options: { deleteData: boolean }): Promise<void>;
}

/** Why a target could not do what was asked. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
  /** `TargetUnreachable`: try later. `Refused`: this Qdrant will not take the request. `NameTaken`: the collection exists already. */
  readonly reason: 'TargetUnreachable' | 'Refused' | 'NameTaken';
  constructor(reason: TargetError['reason'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}
