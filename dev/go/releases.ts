import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pinnedDownload } from '../house/pinned-download.ts';

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

function download(url: string, sha256: string, target: string, signal?: AbortSignal): Promise<void> {
  return pinnedDownload({
    url,
    sha256,
    target,
    program: basename(target),
    timeouts: { connect: connectMs, headers: connectMs, body: 10_000 },
    mismatch: (found) =>
      new PinMismatch(
        `${url} has SHA-256 ${found}, dev/go/releases.json pins ${sha256}: do not use it. If the pin is wrong, correct ` +
          'it; without the pin the program is built from source.',
      ),
    signal,
  });
}
