import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Agent, fetch } from 'undici';
import { runProcess } from '../qdrant/run-process.ts';

/** Larger than any program we fetch; a server that sends more is not sending one. */
const MAX_BYTES = 512 * 1024 * 1024;

/** A program somewhere on the network, of which the bytes are known beforehand. */
export interface PinnedDownload {
  url: string;
  /** 64 hex digits, in either case. */
  sha256: string;
  /** Path of the program once it is there; until then nothing is. */
  target: string;
  /** What it is called inside, where `url` is a `.tar.gz`; anything else is the program itself. */
  program: string;
  /** Milliseconds; what is not given is undici's. */
  timeouts: { connect: number; headers?: number; body?: number };
  /** The error for other bytes: they are never installed. */
  mismatch: (found: string) => Error;
  signal?: AbortSignal;
}

/**
 * Fetches a program, checks its SHA-256 and installs it, executable, at `target`. Throws what `mismatch` makes of other
 * bytes, and the network's own error when it cannot be fetched.
 */
export async function pinnedDownload(wanted: PinnedDownload): Promise<void> {
  const { url, sha256, target, program, timeouts, mismatch, signal } = wanted;
  const draft = `${target}.${randomUUID()}.part`;
  await mkdir(dirname(target), { recursive: true });
  const agent = new Agent({
    connect: { timeout: timeouts.connect },
    ...(timeouts.headers === undefined ? {} : { headersTimeout: timeouts.headers }),
    ...(timeouts.body === undefined ? {} : { bodyTimeout: timeouts.body }),
  });
  try {
    const response = await fetch(url, { dispatcher: agent, signal, redirect: 'follow' });
    if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
    const hash = createHash('sha256');
    let bytes = 0;
    const body = Readable.fromWeb(response.body).map((chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw new Error(`${url} sends more than ${MAX_BYTES} bytes`);
      hash.update(chunk);
      return chunk;
    });
    await pipeline(body, createWriteStream(draft));
    const found = hash.digest('hex');
    if (found !== sha256.toLowerCase()) throw mismatch(found);
    if (/\.t(ar\.)?gz$/.test(new URL(url).pathname)) await unpack(draft, program, target);
    else await install(draft, target);
  } finally {
    await agent.close();
    await rm(draft, { force: true });
  }
}

/** Takes one program out of an archive, in whatever folder it lies there. */
async function unpack(archive: string, program: string, target: string): Promise<void> {
  const folder = `${archive}.d`;
  await mkdir(folder, { recursive: true });
  try {
    const result = await runProcess('tar', ['-xzf', archive, '-C', folder, '--no-same-owner']);
    if (result.code !== 0) throw new Error(`unpacking the release failed: ${result.stderr.trim()}`);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const found = entries.find((entry) => entry.isFile() && entry.name === program);
    if (found === undefined) throw new Error(`the release archive holds no file named ${program}`);
    await install(join(found.parentPath, found.name), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function install(from: string, target: string): Promise<void> {
  await chmod(from, 0o755);
  await rename(from, target);
}
