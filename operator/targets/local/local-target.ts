import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Isolation } from '../../../loadgen/protocol.ts';
import { ANYWHERE } from '../../../loadgen/net/address-rules.ts';
import { Collections } from '../collections.ts';
import { TargetError, type Target, type TargetInfo, type TargetServer } from '../target.ts';

/** A Qdrant process on this machine. */
export interface LocalEngine {
  url: string;
  pid: number;
  version: string;
  stop(): Promise<void>;
}

export type StartEngine = (options: { dataDir: string }) => Promise<LocalEngine>;

/** Parameters the local engine refuses, whose reasons stand in its README. */
interface LocalTargetOptions {
  /** Starts an engine over a folder; the folder's collections are as they were left. */
  startEngine: StartEngine;
  /** A folder of ours: one sub-folder a collection. */
  workDir: string;
  description: string;
  unsupported: readonly string[];
  resources?: unknown;
}

/**
 * A throw-away local engine for every build: nothing of an earlier build is left in its memory or caches. Plays
 * `target.kubernetes` in a local run.
 */
export class LocalTarget implements Target {
  readonly #options: LocalTargetOptions;
  readonly #engines = new Map<string, LocalEngine>();

  constructor(options: LocalTargetOptions) {
    this.#options = options;
  }

  async describe(signal: AbortSignal): Promise<TargetInfo> {
    // Starting one is the only proof that one can be started; it costs a fraction of a second.
    const probe = '.probe';
    const { version } = await this.#start(probe, signal);
    await this.remove(probe);
    return {
      identity: { kind: 'kubernetes', resources: this.#options.resources },
      qdrantVersion: version,
      description: this.#options.description,
      unsupported: this.#options.unsupported,
    };
  }

  async open(collection: string, signal: AbortSignal): Promise<TargetServer> {
    const engine = this.#engines.get(collection) ?? (await this.#start(collection, signal));
    const isolation = coreSplit(availableParallelism());
    const collections = new Collections(engine.url, { rules: ANYWHERE });
    return { url: engine.url, own: true, collections, pid: engine.pid, ...(isolation ? { isolation } : {}) };
  }

  async rest(collection: string): Promise<void> {
    const engine = this.#engines.get(collection);
    this.#engines.delete(collection);
    await engine?.stop();
  }

  async remove(collection: string): Promise<void> {
    await this.rest(collection);
    await rm(this.#folder(collection), { recursive: true, force: true });
  }

  existing(collections: readonly string[]): Promise<Set<string>> {
    return Promise.resolve(new Set(collections.filter((name) => existsSync(this.#folder(name)))));
  }

  async dispose({ deleteData }: { deleteData: boolean }): Promise<void> {
    await Promise.all(Array.from(this.#engines.keys(), (collection) => this.rest(collection)));
    if (!deleteData || !existsSync(this.#options.workDir)) return;
    for (const entry of await readdir(this.#options.workDir)) {
      await rm(join(this.#options.workDir, entry), { recursive: true, force: true });
    }
  }

  #folder(collection: string): string {
    return join(this.#options.workDir, collection);
  }

  async #start(collection: string, signal: AbortSignal): Promise<LocalEngine> {
    signal.throwIfAborted();
    const dataDir = this.#folder(collection);
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    try {
      const engine = await this.#options.startEngine({ dataDir });
      this.#engines.set(collection, engine);
      return engine;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new TargetError('TargetUnreachable', `the local Qdrant engine did not start: ${why}`, { cause: error });
    }
  }
}

/**
 * Which cores go to the engine and which to the load generator while load is measured: the load generator needs one,
 * two from eight on. undefined on a single core, where they have to share.
 */
export function coreSplit(cores: number): Isolation | undefined {
  if (cores < 2) return undefined;
  const forClient = cores >= 8 ? 2 : 1;
  const all = Array.from({ length: cores }, (_, core) => core);
  return { serverCores: all.slice(0, cores - forClient), clientCores: all.slice(cores - forClient) };
}
