import { createHash } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { errorText, JobError } from '../job-error.ts';
import type { Access } from '../net/access.ts';
import { get, type Answer } from '../net/get.ts';
import { NetError } from '../net/net-error.ts';
import { shownUrl } from '../net/url.ts';
import { DataFile } from './formats/data-file.ts';

export interface FetchOptions {
  /** Where an http(s) body is written; a `file:` URL is read where it lies. */
  into: string;
  /** Where this process may go. */
  access: Pick<Access, 'rules' | 'files' | 'resolve'>;
  /** Expected SHA-256, 64 hexadecimal digits. */
  sha256?: string;
  /** Sent to the URL's own origin only; asked for at each attempt, since signatures grow old. */
  headers?: () => Promise<Readonly<Record<string, string>> | undefined>;
  /** Certificates (PEM) of the authorities to trust instead of the public ones. */
  ca?: string;
  /** Largest body accepted. */
  maxBytes?: number;
  /** Longest wait for headers, and between two pieces of the body. */
  idleMilliseconds?: number;
  /** Longest time in all. */
  totalMilliseconds?: number;
  /** Pause before a broken download is taken up again; doubled each time. Default 1 s. */
  retryMilliseconds?: number;
  signal?: AbortSignal;
  /** Bytes so far, bytes in all (0 = unknown). */
  onProgress?: (done: number, total: number) => void;
}

export interface Fetched {
  path: string;
  sha256: string;
  bytes: number;
}

const MAX_BYTES = 256 * 2 ** 30;
const TOTAL_MILLISECONDS = 6 * 3_600_000;

/**
 * Brings a dataset file within reach: `file:`, where it is allowed, stays where it is; http and https are streamed to
 * `into` while they are hashed. A download that breaks off is taken up where it was left, as long as the server says
 * that the file is still the same; else it begins anew.
 * @throws {JobError} DatasetUnreachable (nothing there, refused, too slow) or DatasetInvalid (wrong checksum, too big).
 */
export async function fetchFile(url: string, options: FetchOptions): Promise<Fetched> {
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  const local = /^file:/i.test(url);
  if (local && !options.access.files) {
    throw new JobError('DatasetUnreachable', `${shownUrl(url)}: here are no such files; serve it by http(s)`);
  }
  const fetched = local ? await hashLocal(url, maxBytes, options) : await download(url, maxBytes, options);
  try {
    checkSha256(shownUrl(url), fetched, options.sha256);
  } catch (error) {
    if (!local) await rm(options.into, { force: true });
    throw error;
  }
  return fetched;
}

/** @throws {JobError} DatasetInvalid when the file is another one than `expected`, where that is said. */
export function checkSha256(
  name: string,
  { sha256, bytes }: Pick<Fetched, 'sha256' | 'bytes'>,
  expected: string | undefined,
): void {
  if (expected === undefined || sha256 === expected) return;
  throw new JobError(
    'DatasetInvalid',
    `${name}: sha256 is ${sha256}, expected ${expected} (${bytes} bytes); ` +
      'the file has changed or is damaged: fetch it again, or correct sha256',
  );
}

async function hashLocal(url: string, maxBytes: number, options: FetchOptions): Promise<Fetched> {
  let file: DataFile;
  try {
    file = await DataFile.open(fileURLToPath(url), url);
  } catch (error) {
    throw new JobError('DatasetUnreachable', `${url}: cannot be read (${errorText(error)}); check the path`, {
      cause: error,
    });
  }
  try {
    const { size: bytes } = file;
    if (bytes > maxBytes) throw tooBig(url, maxBytes);
    const sha256 = await file.sha256((done) => options.onProgress?.(done, bytes), options.signal);
    return { path: fileURLToPath(url), sha256, bytes };
  } finally {
    await file.close();
  }
}

function tooBig(url: string, maxBytes: number): JobError {
  return new JobError(
    'DatasetInvalid',
    `${shownUrl(url)}: is larger than the allowed ${maxBytes} bytes; use a smaller file`,
  );
}

/** How often a broken download is taken up again without a byte more than ever before. */
const MAX_FAILURES = 5;

async function download(url: string, maxBytes: number, options: FetchOptions): Promise<Fetched> {
  const file = new Download(options.into);
  const deadline = Date.now() + (options.totalMilliseconds ?? TOTAL_MILLISECONDS);
  let most = 0;
  let failures = 0;
  try {
    for (;;) {
      try {
        const bytes = await attempt(url, {
          maxBytes,
          totalMilliseconds: Math.max(1, deadline - Date.now()),
          file,
          options,
        });
        return { path: options.into, sha256: await file.finish(), bytes };
      } catch (error) {
        failures = file.bytes > most ? 1 : failures + 1;
        most = Math.max(most, file.bytes);
        const pause = (options.retryMilliseconds ?? 1000) * 2 ** (failures - 1);
        if (!mayPass(error) || most === 0 || failures > MAX_FAILURES || Date.now() + pause >= deadline) {
          throw explained(url, error, most);
        }
        await sleep(pause, undefined, options.signal ? { signal: options.signal } : {});
      }
    }
  } catch (error) {
    await file.discard();
    // Timers tell of the abort in their own words.
    throw options.signal?.aborted ? options.signal.reason : error;
  }
}

/** Gets the file, or what is missing of it. */
async function attempt(
  url: string,
  {
    maxBytes,
    totalMilliseconds,
    file,
    options: { access, headers, ca, idleMilliseconds, signal, onProgress },
  }: { maxBytes: number; totalMilliseconds: number; file: Download; options: FetchOptions },
): Promise<number> {
  const sent = await headers?.();
  return await get(
    url,
    {
      rules: access.rules,
      maxBytes,
      totalMilliseconds,
      ...(file.resumable ? { resume: file.resumable } : {}),
      ...(access.resolve ? { resolve: access.resolve } : {}),
      ...(sent ? { headers: sent } : {}),
      ...(ca === undefined ? {} : { ca }),
      ...(idleMilliseconds === undefined ? {} : { idleMilliseconds }),
      ...(signal ? { signal } : {}),
      onAnswer: (answer) => file.begin(answer),
    },
    async (chunk, done, total) => {
      await file.add(chunk);
      onProgress?.(done, total);
    },
  );
}

/** A file as it comes, in one piece or several, and its checksum. */
class Download {
  readonly #path: string;
  #file: FileHandle | undefined;
  #hash = createHash('sha256');
  #validator: string | undefined;
  /** What is there of it. */
  bytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** What a further request may begin with; undefined when it has to begin anew. */
  get resumable(): { from: number; validator: string } | undefined {
    return this.bytes > 0 && this.#validator !== undefined
      ? { from: this.bytes, validator: this.#validator }
      : undefined;
  }

  /** A server that has another file by now, or cannot send a part of one, sends all of it: what is there is void. */
  async begin({ from, validator }: Answer): Promise<void> {
    this.#validator = validator;
    if (this.#file && from === this.bytes) return;
    await this.#file?.close();
    this.#file = await open(this.#path, 'w');
    this.#hash = createHash('sha256');
    this.bytes = 0;
  }

  async add(chunk: Buffer): Promise<void> {
    // writeFile, unlike write, never leaves a piece of the chunk unwritten.
    await this.#file?.writeFile(chunk);
    this.#hash.update(chunk);
    this.bytes += chunk.length;
  }

  /** @returns SHA-256, in hexadecimal digits. */
  async finish(): Promise<string> {
    await this.#file?.close();
    this.#file = undefined;
    return this.#hash.digest('hex');
  }

  async discard(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    await rm(this.#path, { force: true });
  }
}

/** Whether the same request may fare better later: connections break, servers restart. */
const mayPass = (error: unknown): boolean =>
  error instanceof NetError && ['Unreachable', 'TooSlow', 'BadAnswer'].includes(error.reason);

function explained(url: string, error: unknown, bytes: number): unknown {
  if (!(error instanceof NetError)) return error;
  const reason = error.reason === 'TooBig' ? 'DatasetInvalid' : 'DatasetUnreachable';
  const came = bytes > 0 && mayPass(error) ? ` (${bytes} bytes had come)` : '';
  return new JobError(reason, `${shownUrl(url)}: ${error.message}${came}`);
}
