import { pinnedDownload } from '../house/pinned-download.ts';

/** The bytes are not those the user named: never run, never fallen back from quietly. */
export class ChecksumError extends Error {
  override readonly name = 'ChecksumError';
}

/**
 * Fetches a release (a `.tar.gz` holding `qdrant`, or the binary itself) whose SHA-256 the user gave, to `target`.
 * Throws a `ChecksumError` on other content and the network's own error when it cannot be fetched.
 */
export function downloadRelease(
  url: string,
  sha256: string,
  target: string,
  options: { signal?: AbortSignal; connectMs?: number } = {},
): Promise<void> {
  return pinnedDownload({
    url,
    sha256,
    target,
    program: 'qdrant',
    timeouts: { connect: options.connectMs ?? 3000 },
    mismatch: (found) =>
      new ChecksumError(
        `QDRANT_RELEASE_URL ${url} has SHA-256 ${found}, QDRANT_RELEASE_SHA256 says ${sha256}: correct one of them, ` +
          'or unset both to build the engine from source.',
      ),
    signal: options.signal,
  });
}
