import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Agent, fetch } from 'undici';
import { runProcess } from '../qdrant/run-process.ts';

/** Larger than any of the programs; a server that sends more is not sending one. */
const maxBytes = 512 * 1024 * 1024;
/** How long a server may take to answer: where there is one, it does at once. */
const connectMs = 3000;
/** How long a server that did not answer is left alone. */
const restMs = 24 * 60 * 60 * 1000;

/** The bytes are not those that dev/go/releases.json pins: never run, never fallen back from quietly. */
export class PinMismatch extends Error {
  override readonly name = 'PinMismatch';
}

/** SHA-256 of a release file by `<program> <version> <system>`, hex. A file that is not pinned is never downloaded. */
export type Pins = Readonly<Record<string, string>>;

/** Reads the pins. Throws naming the entry that is no digest. */
export async function readPins(path: string): Promise<Pins> {
  const pins = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
  for (const [name, digest] of Object.entries(pins)) {
    if (!/^[0-9a-f]{64}$/.test(digest)) {
      throw new Error(`${path}: \`${name}\` is \`${digest}\`, expected a SHA-256 of 64 lower-case hex digits`);
    }
  }
  return pins;
}

/**
 * Fetches the release at `url`, whose SHA-256 is `sha256`, to `target`; false when its server cannot be reached, which
 * is remembered in `memory` for a day. Throws a `PinMismatch` on other content.
 */
export async function fetchRelease(
  url: string,
  sha256: string,
  target: string,
  options: { memory: string; signal?: AbortSignal; now?: () => number },
): Promise<boolean> {
  const { memory, signal, now = Date.now } = options;
  const note = join(memory, `unreachable-${new URL(url).host.replaceAll(/[^\w.-]/g, '_')}`);
  const noted = await stat(note).catch(() => undefined);
  if (noted !== undefined && now() - noted.mtimeMs < restMs) return false;
  try {
    await download(url, sha256, target, signal);
    await rm(note, { force: true });
    return true;
  } catch (error) {
    if (error instanceof PinMismatch || signal?.aborted === true) throw error;
    await mkdir(memory, { recursive: true });
    await writeFile(note, `${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

async function download(url: string, sha256: string, target: string, signal?: AbortSignal): Promise<void> {
  const draft = `${target}.${randomUUID()}.part`;
  await mkdir(dirname(target), { recursive: true });
  const agent = new Agent({ connect: { timeout: connectMs }, headersTimeout: connectMs, bodyTimeout: 10_000 });
  try {
    const response = await fetch(url, { dispatcher: agent, signal, redirect: 'follow' });
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
    if (found !== sha256) {
      throw new PinMismatch(
        `${url} has SHA-256 ${found}, dev/go/releases.json pins ${sha256}: do not use it. If the pin is wrong, correct ` +
          'it; without the pin the program is built from source.',
      );
    }
    if (/\.t(ar\.)?gz$/.test(new URL(url).pathname)) await unpack(draft, target);
    else await install(draft, target);
  } finally {
    await agent.close();
    await rm(draft, { force: true });
  }
}

/** Takes the file named as `target` is out of an archive. */
async function unpack(archive: string, target: string): Promise<void> {
  const folder = `${archive}.d`;
  const name = target.slice(dirname(target).length + 1);
  await mkdir(folder, { recursive: true });
  try {
    const result = await runProcess('tar', ['-xzf', archive, '-C', folder, '--no-same-owner']);
    if (result.code !== 0) throw new Error(`unpacking the release failed: ${result.stderr.trim()}`);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const found = entries.find((entry) => entry.isFile() && entry.name === name);
    if (found === undefined) throw new Error(`the release archive holds no file named ${name}`);
    await install(join(found.parentPath, found.name), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function install(from: string, target: string): Promise<void> {
  await chmod(from, 0o755);
  await rename(from, target);
}
