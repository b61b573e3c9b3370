import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { extract } from 'tar-stream';
import { blobPath, type Descriptor, type ImageConfig } from './oci.ts';

/** What is in an image's tar, every digest of it checked. */
export type StoredImage = {
  /** The name it is imported under. */
  ref: string;
  /** The manifest's. */
  digest: string;
  config: ImageConfig;
  architecture: string;
  layers: readonly Descriptor[];
};

/** The file is no image, or not a whole one. */
export class BrokenImageError extends Error {
  override readonly name = 'BrokenImageError';
}

/** Documents are kept while reading, layers only counted. */
const DOCUMENT_BYTES = 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

type Blob = { digest: string; size: number; content: Buffer | undefined };

/**
 * Reads an image's tar back: that it holds all its index names, each of the size and digest it says. Costs one pass
 * over the file, and no memory.
 *
 * @throws BrokenImageError naming what is wrong
 */
export async function readImage(path: string, signal?: AbortSignal): Promise<StoredImage> {
  const members = await readMembers(path, signal);
  const document = (name: string): unknown => {
    const content = members.get(name)?.content;
    if (content === undefined) throw new BrokenImageError(`${path} has no document ${name}`);
    return JSON.parse(content.toString('utf8'));
  };
  const checked = ({ digest, size }: Descriptor): string => {
    const name = blobPath(digest);
    const found = members.get(name);
    if (found === undefined) throw new BrokenImageError(`${path} lacks ${name}`);
    if (found.size !== size || found.digest !== digest) {
      throw new BrokenImageError(
        `${path}: ${name} has ${found.size} bytes and digest ${found.digest}, expected ${size}`,
      );
    }
    return name;
  };

  document('oci-layout');
  type Index = { manifests: (Descriptor & { annotations: Record<string, string> })[] };
  const [entry] = (document('index.json') as Index).manifests;
  if (entry === undefined) throw new BrokenImageError(`${path} names no image`);
  type Manifest = { config: Descriptor; layers: Descriptor[] };
  const manifest = document(checked(entry)) as Manifest;
  type Config = { architecture: string; config: ImageConfig; rootfs: { diff_ids: string[] } };
  const config = document(checked(manifest.config)) as Config;
  for (const layer of manifest.layers) checked(layer);
  if (config.rootfs.diff_ids.join() !== manifest.layers.map((layer) => layer.digest).join()) {
    throw new BrokenImageError(`${path}: its configuration names other layers than its manifest`);
  }
  return {
    ref: entry.annotations['io.containerd.image.name'] ?? '',
    digest: entry.digest,
    config: config.config,
    architecture: config.architecture,
    layers: manifest.layers,
  };
}

async function readMembers(path: string, signal?: AbortSignal): Promise<Map<string, Blob>> {
  const members = new Map<string, Blob>();
  const reader = extract();
  const source = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal });
  source.on('error', (error) => reader.destroy(error)).pipe(reader);
  try {
    for await (const member of reader) {
      const hash = createHash('sha256');
      const keep = member.header.size <= DOCUMENT_BYTES;
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of member as AsyncIterable<Buffer>) {
        hash.update(chunk);
        size += chunk.length;
        if (keep) chunks.push(chunk);
      }
      const content = keep ? Buffer.concat(chunks) : undefined;
      members.set(member.header.name, { digest: `sha256:${hash.digest('hex')}`, size, content });
    }
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new BrokenImageError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  } finally {
    source.destroy();
  }
  return members;
}
