import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorText, JobError } from '../job-error.ts';
import type { Access } from '../net/access.ts';
import { get } from '../net/get.ts';
import { NetError } from '../net/net-error.ts';
import { shownUrl } from '../net/url.ts';

export interface FetchOptions {
  /** Where an http(s) body is written; a `file:` URL is read where it lies. */
  into: string;
  /** Where this process may go. */
  access: Pick<Access, 'rules' | 'files' | 'resolve'>;
  /** Expected SHA-256, 64 hexadecimal digits. */
  sha256?: string;
  /** Sent to the URL's own origin only. */
  headers?: Readonly<Record<string, string>>;
  /** Largest body accepted. */
  maxBytes?: number;
  /** Longest wait for headers, and between two pieces of the body. */
  idleMilliseconds?: number;
  /** Longest time in all. */
  totalMilliseconds?: number;
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
 * `into` while they are hashed.
 * @throws {JobError} DatasetUnreachable (nothing there, refused, too slow) or DatasetInvalid (wrong checksum, too big).
 */
export async function fetchFile(url: string, options: FetchOptions): Promise<Fetched> {
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  const local = /^file:/i.test(url);
  if (local && !options.access.files) {
    throw new JobError('DatasetUnreachable', `${shownUrl(url)}: here are no such files; serve it by http(s)`);
  }
  const fetched = local ? await hashLocal(url, maxBytes, options) : await download(url, maxBytes, options);
  if (options.sha256 !== undefined && fetched.sha256 !== options.sha256) {
    if (fetched.path === options.into) await rm(options.into, { force: true });
    throw new JobError(
      'DatasetInvalid',
      `${shownUrl(url)}: sha256 is ${fetched.sha256}, expected ${options.sha256} (${fetched.bytes} bytes); ` +
        'the file has changed or is damaged: fetch it again, or correct sha256',
    );
  }
  return fetched;
}

async function hashLocal(url: string, maxBytes: number, options: FetchOptions): Promise<Fetched> {
  let path: string;
  let bytes: number;
  try {
    path = fileURLToPath(url);
    const stats = await stat(path);
    if (!stats.isFile()) throw new Error('it is not a file');
    bytes = stats.size;
  } catch (error) {
    throw new JobError('DatasetUnreachable', `${url}: cannot be read (${errorText(error)}); check the path`, {
      cause: error,
    });
  }
  if (bytes > maxBytes) throw tooBig(url, maxBytes);
  const hash = createHash('sha256');
  let done = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal: options.signal })) {
      hash.update(chunk as Buffer);
      done += (chunk as Buffer).length;
      options.onProgress?.(done, bytes);
    }
  } catch (error) {
    throw new JobError('DatasetUnreachable', `${url}: reading failed (${errorText(error)})`, { cause: error });
  }
  return { path, sha256: hash.digest('hex'), bytes };
}

function tooBig(url: string, maxBytes: number): JobError {
  return new JobError(
    'DatasetInvalid',
    `${shownUrl(url)}: is larger than the allowed ${maxBytes} bytes; use a smaller file`,
  );
}

async function download(url: string, maxBytes: number, options: FetchOptions): Promise<Fetched> {
  const { into, access, headers, idleMilliseconds, signal, onProgress } = options;
  const hash = createHash('sha256');
  let file: FileHandle | undefined;
  try {
    const bytes = await get(
      url,
      {
        rules: access.rules,
        maxBytes,
        totalMilliseconds: options.totalMilliseconds ?? TOTAL_MILLISECONDS,
        ...(access.resolve ? { resolve: access.resolve } : {}),
        ...(headers ? { headers } : {}),
        ...(idleMilliseconds === undefined ? {} : { idleMilliseconds }),
        ...(signal ? { signal } : {}),
      },
      async (chunk, done, total) => {
        file ??= await open(into, 'w');
        hash.update(chunk);
        // writeFile, unlike write, never leaves a piece of the chunk unwritten.
        await file.writeFile(chunk);
        onProgress?.(done, total);
      },
    );
    file ??= await open(into, 'w');
    await file.close();
    return { path: into, sha256: hash.digest('hex'), bytes };
  } catch (error) {
    await file?.close();
    await rm(into, { force: true });
    if (!(error instanceof NetError)) throw error;
    const reason = error.reason === 'TooBig' ? 'DatasetInvalid' : 'DatasetUnreachable';
    throw new JobError(reason, `${shownUrl(url)}: ${error.message}`);
  }
}
