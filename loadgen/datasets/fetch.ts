import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { request, type Dispatcher } from 'undici';
import { errorText, JobError } from '../job-error.ts';

export interface FetchOptions {
  /** Where an http(s) body is written; a `file:` URL is read where it lies. */
  into: string;
  /** Expected SHA-256, 64 hexadecimal digits. */
  sha256?: string;
  /** Largest body accepted. */
  maxBytes?: number;
  /** Longest wait for headers, and between two pieces of the body. */
  idleMilliseconds?: number;
  /** Longest time in all. */
  totalMilliseconds?: number;
  signal?: AbortSignal;
  /** Bytes so far, bytes in all (0 = unknown). */
  onProgress?: (done: number, total: number) => void;
  dispatcher?: Dispatcher;
}

export interface Fetched {
  path: string;
  sha256: string;
  bytes: number;
}

const MAX_REDIRECTS = 5;
const MAX_BYTES = 256 * 2 ** 30;

/**
 * Brings a dataset file within reach: `file:` stays where it is, http and https are streamed to `into` while they are
 * hashed. At most five redirects, never away from http(s).
 * @throws {JobError} DatasetUnreachable (nothing there, refused, too slow) or DatasetInvalid (wrong checksum, too big).
 */
export async function fetchFile(url: string, options: FetchOptions): Promise<Fetched> {
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  const fetched = url.startsWith('file:')
    ? await hashLocal(url, maxBytes, options)
    : await download(url, maxBytes, options);
  if (options.sha256 !== undefined && fetched.sha256 !== options.sha256) {
    if (fetched.path === options.into) await rm(options.into, { force: true });
    throw new JobError(
      'DatasetInvalid',
      `${shown(url)}: sha256 is ${fetched.sha256}, expected ${options.sha256} (${fetched.bytes} bytes); ` +
        'the file has changed or is damaged: fetch it again, or correct sha256',
    );
  }
  return fetched;
}

/** The URL without query and credentials, which may be secret. */
export function shown(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//');
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
  return new JobError('DatasetInvalid', `${shown(url)}: larger than the allowed ${maxBytes} bytes; use a smaller file`);
}

async function download(url: string, maxBytes: number, options: FetchOptions): Promise<Fetched> {
  const idle = options.idleMilliseconds ?? 30_000;
  const timeout = AbortSignal.timeout(options.totalMilliseconds ?? 6 * 3_600_000);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  try {
    const { body, length } = await follow(url, idle, signal, options.dispatcher);
    // What breaks after it has been given up is nobody's error.
    body.on('error', () => undefined);
    if (length > maxBytes) {
      body.destroy();
      throw tooBig(url, maxBytes);
    }
    const hash = createHash('sha256');
    const file = await open(options.into, 'w');
    let bytes = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw tooBig(url, maxBytes);
        hash.update(chunk);
        // writeFile, unlike write, never leaves a piece of the chunk unwritten.
        await file.writeFile(chunk);
        options.onProgress?.(bytes, length);
      }
    } finally {
      body.destroy();
      await file.close();
    }
    return { path: options.into, sha256: hash.digest('hex'), bytes };
  } catch (error) {
    await rm(options.into, { force: true });
    if (error instanceof JobError) throw error;
    const why = timeout.aborted ? 'it took longer than allowed' : errorText(error);
    throw new JobError(
      'DatasetUnreachable',
      `${shown(url)}: could not be fetched (${why}); check the URL and network`,
      {
        cause: error,
      },
    );
  }
}

async function follow(
  url: string,
  idle: number,
  signal: AbortSignal,
  dispatcher: Dispatcher | undefined,
): Promise<{ body: Dispatcher.ResponseData['body']; length: number }> {
  let current = new URL(url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const reply = await request(current, {
      method: 'GET',
      headersTimeout: idle,
      bodyTimeout: idle,
      signal,
      ...(dispatcher ? { dispatcher } : {}),
    });
    const location = reply.headers.location;
    if (reply.statusCode >= 300 && reply.statusCode < 400 && typeof location === 'string') {
      await reply.body.dump();
      current = new URL(location, current);
      if (current.protocol !== 'http:' && current.protocol !== 'https:') {
        throw new JobError(
          'DatasetUnreachable',
          `${shown(url)}: redirected to ${current.protocol}; only http(s) is followed`,
        );
      }
      continue;
    }
    if (reply.statusCode !== 200) {
      await reply.body.dump();
      throw new JobError(
        'DatasetUnreachable',
        `${shown(url)}: answered HTTP ${reply.statusCode}, expected 200; check the URL`,
      );
    }
    const length = Number(reply.headers['content-length'] ?? 0);
    return { body: reply.body, length: Number.isFinite(length) ? length : 0 };
  }
  throw new JobError('DatasetUnreachable', `${shown(url)}: more than ${MAX_REDIRECTS} redirects`);
}
