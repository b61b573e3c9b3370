import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { pack, type Header, type Pack } from 'tar-stream';

/** Where a file's bytes come from: a file of this machine, read while it is written, or the bytes themselves. */
export type Source = { file: string } | { content: string | Uint8Array };

type Common = {
  /** Without a leading slash: `usr/local/bin/node`. */
  path: string;
  uid: number;
  gid: number;
};

/** One entry of an image's root filesystem. `mode` is the permission bits with setuid, setgid and sticky. */
export type LayerEntry =
  | (Common & { type: 'directory'; mode: number })
  | (Common & { type: 'file'; mode: number; source: Source })
  | (Common & { type: 'symlink'; target: string });

/** A file this big is streamed; smaller ones are read at once, which is much quicker for thousands of them. */
const STREAMED_BYTES = 1024 * 1024;
/** Every entry's time of change: what an image is must not depend on when it was made. */
const EPOCH = new Date(0);

type EntryHeader = Partial<Header> & Pick<Header, 'name'>;

/** Orders paths by their bytes, so that a folder comes before what is in it, in every locale. */
export function byPath(a: { path: string }, b: { path: string }): number {
  return Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));
}

/**
 * The tar of a layer, chunk by chunk. The same entries with the same bytes make the same tar, in whatever order they
 * are given. Not compressed: these images are loaded on the machine that made them, where compressing costs more than
 * it saves.
 *
 * Throws when a file cannot be read or changes its size meanwhile; the message names it.
 */
export async function* layerTar(
  entries: readonly LayerEntry[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const archive = pack();
  const filled = fill(archive, entries, signal).catch((error: unknown) => {
    archive.destroy(error as Error);
  });
  try {
    yield* archive as AsyncIterable<Uint8Array>;
    await filled;
  } finally {
    // Ends the filling where the reader went away early.
    archive.destroy();
  }
}

async function fill(archive: Pack, entries: readonly LayerEntry[], signal?: AbortSignal): Promise<void> {
  for (const entry of entries.toSorted(byPath)) {
    signal?.throwIfAborted();
    const header = { name: entry.path, uid: entry.uid, gid: entry.gid, mtime: EPOCH };
    if (entry.type === 'directory') {
      await add(archive, { ...header, type: 'directory', mode: entry.mode });
    } else if (entry.type === 'symlink') {
      await add(archive, { ...header, type: 'symlink', mode: 0o777, linkname: entry.target });
    } else if ('content' in entry.source) {
      await add(archive, { ...header, type: 'file', mode: entry.mode }, Buffer.from(entry.source.content));
    } else {
      await addFile(archive, { ...header, type: 'file', mode: entry.mode }, entry.source.file, signal);
    }
  }
  archive.finalize();
}

async function addFile(archive: Pack, header: EntryHeader, file: string, signal?: AbortSignal): Promise<void> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    if (size < STREAMED_BYTES) {
      await add(archive, header, await handle.readFile());
      return;
    }
    const source = createReadStream(file, { highWaterMark: STREAMED_BYTES });
    await pipeline(source, archive.entry({ ...header, size }), { signal });
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new Error(
      `${file} could not be put into an image: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  } finally {
    await handle.close();
  }
}

/** Adds one entry whose bytes are at hand; resolves when the archive has taken them. */
export function add(archive: Pack, header: EntryHeader, content: Buffer = Buffer.alloc(0)): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (header.type === 'file') archive.entry(header, content, done);
    else archive.entry(header, done);
  });
}
