import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Agent, fetch } from 'undici';
import { runProcess } from './run-process.ts';

/** Larger than any release; a server that sends more is not sending one. */
const maxBytes = 512 * 1024 * 1024;

/** The bytes are not those the user named: never run, never fallen back from quietly. */
export class ChecksumError extends Error {
  override readonly name = 'ChecksumError';
}

/**
 * Fetches a release (a `.tar.gz` holding `qdrant`, or the binary itself) whose SHA-256 the user gave, to `target`.
 * Throws a `ChecksumError` on other content and the network's own error when it cannot be fetched.
 */
export async function downloadRelease(
  url: string,
  sha256: string,
  target: string,
  options: { signal?: AbortSignal; connectMs?: number } = {},
): Promise<void> {
  const draft = `${target}.${randomUUID()}.part`;
  await mkdir(dirname(target), { recursive: true });
  const agent = new Agent({ connect: { timeout: options.connectMs ?? 3000 } });
  try {
    const response = await fetch(url, { dispatcher: agent, signal: options.signal, redirect: 'follow' });
    if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
    const hash = createHash('sha256');
    let bytes = 0;
    const body = Readable.fromWeb(response.body).map((chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Error(`${url} sends more than ${maxBytes} bytes`);
      hash.update(chunk);
      return chunk;
    });
    await pipeline(body, createWriteStream(draft));
    const found = hash.digest('hex');
    if (found !== sha256.toLowerCase()) {
      throw new ChecksumError(
        `QDRANT_RELEASE_URL ${url} has SHA-256 ${found}, QDRANT_RELEASE_SHA256 says ${sha256}: correct one of them, ` +
          'or unset both to build the engine from source.',
      );
    }
    if (/\.t(ar\.)?gz$/.test(new URL(url).pathname)) await unpack(draft, target);
    else await install(draft, target);
  } finally {
    await agent.close();
    await rm(draft, { force: true });
  }
}

async function unpack(archive: string, target: string): Promise<void> {
  const folder = `${archive}.d`;
  await mkdir(folder, { recursive: true });
  try {
    const result = await runProcess('tar', ['-xzf', archive, '-C', folder]);
    if (result.code !== 0) throw new Error(`unpacking the release failed: ${result.stderr.trim()}`);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const found = entries.find((entry) => entry.isFile() && entry.name === 'qdrant');
    if (found === undefined) throw new Error('the release archive holds no file named qdrant');
    await install(join(found.parentPath, found.name), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function install(from: string, target: string): Promise<void> {
  await chmod(from, 0o755);
  await rename(from, target);
}
