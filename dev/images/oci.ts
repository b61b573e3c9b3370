import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { add, layerTar, type LayerEntry } from './layer.ts';

/** What a container started from the image is like when nobody says otherwise (OCI image configuration's names). */
export type ImageConfig = {
  Entrypoint?: string[];
  Cmd?: string[];
  Env?: string[];
  WorkingDir?: string;
  /** `uid:gid`. */
  User?: string;
  StopSignal?: string;
  ExposedPorts?: Record<string, Record<string, never>>;
  Labels?: Record<string, string>;
};

export type ImageSpec = {
  /** Bottom first. */
  layers: readonly (readonly LayerEntry[])[];
  config: ImageConfig;
  /** Go's name of it; this machine's by default. */
  architecture?: string;
};

export type Descriptor = { mediaType: string; digest: string; size: number };

/** An image whose every digest is known, before a byte of it is written. */
export type ImagePlan = {
  /** The manifest's, `sha256:…`: the image's identity. It does not depend on the image's name. */
  digest: string;
  spec: ImageSpec;
  platform: { architecture: string; os: 'linux' };
  layers: readonly Descriptor[];
  config: Buffer;
  manifest: Buffer;
};

/** A file changed while its image was made: the same image may be tried again. */
export class ImageChangedError extends Error {
  override readonly name = 'ImageChangedError';
}

export const MEDIA_TYPES = {
  layer: 'application/vnd.oci.image.layer.v1.tar',
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
} as const;

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

const sha256 = (data: Uint8Array): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const describe = (mediaType: string, data: Buffer): Descriptor => ({
  mediaType,
  digest: sha256(data),
  size: data.length,
});

/** This machine's architecture as images name it. */
export function machineArchitecture(arch: string = process.arch): string {
  const name = ARCHITECTURES[arch];
  if (name === undefined) {
    throw new Error(`no image can be made for this machine: its architecture is ${arch}, expected x64 or arm64`);
  }
  return name;
}

/** Reads every file of the image once and works out its digests. Nothing is kept of the files. */
export async function planImage(spec: ImageSpec, signal?: AbortSignal): Promise<ImagePlan> {
  const layers: Descriptor[] = [];
  for (const entries of spec.layers) {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of layerTar(entries, signal)) {
      hash.update(chunk);
      size += chunk.length;
    }
    layers.push({ mediaType: MEDIA_TYPES.layer, digest: `sha256:${hash.digest('hex')}`, size });
  }
  const platform = { architecture: spec.architecture ?? machineArchitecture(), os: 'linux' } as const;
  const config = json({
    created: '1970-01-01T00:00:00Z',
    ...platform,
    config: spec.config,
    // The digests of the uncompressed layers; ours are not compressed.
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'qdrant-bench dev/images' })),
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: describe(MEDIA_TYPES.config, config),
    layers,
  });
  return { digest: sha256(manifest), spec, platform, layers, config, manifest };
}

/**
 * Writes the image as one tar in the OCI image layout, under the name `ref` (`registry/repository:tag`), as
 * `ctr images import` takes it. Layers go from their files through the tar to the disk; none is held in memory.
 *
 * @throws ImageChangedError when a file is not what it was when the image was planned
 */
export async function writeImage(plan: ImagePlan, ref: string, path: string, signal?: AbortSignal): Promise<void> {
  const archive = pack();
  const filled = fill(archive, plan, ref, signal).catch((error: unknown) => {
    archive.destroy(error as Error);
    throw error;
  });
  const written = pipeline(archive, createWriteStream(path, { flush: true }), { signal });
  // The first failure is the reason; the other only follows from it.
  const [filling, writing] = await Promise.allSettled([filled, written]);
  signal?.throwIfAborted();
  if (writing.status === 'rejected' && isSystemError(writing.reason)) throw writing.reason;
  if (filling.status === 'rejected') throw filling.reason;
  if (writing.status === 'rejected') throw writing.reason;
}

const isSystemError = (error: unknown): boolean => (error as NodeJS.ErrnoException).syscall !== undefined;

async function fill(archive: Pack, plan: ImagePlan, ref: string, signal?: AbortSignal): Promise<void> {
  const file = (name: string, content: Buffer): Promise<void> =>
    add(archive, { name, type: 'file', mode: 0o644, mtime: new Date(0) }, content);
  const blob = (content: Buffer): Promise<void> => file(blobPath(sha256(content)), content);

  await file('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  await file('index.json', json(index(plan, ref)));
  await blob(plan.manifest);
  await blob(plan.config);
  const done = new Set<string>();
  for (const [at, layer] of plan.layers.entries()) {
    if (done.has(layer.digest)) continue;
    done.add(layer.digest);
    const header = { name: blobPath(layer.digest), type: 'file', mode: 0o644, mtime: new Date(0) } as const;
    const sink = archive.entry({ ...header, size: layer.size });
    await pipeline(Readable.from(unchanged(plan.spec.layers[at] ?? [], layer, signal)), sink, { signal });
  }
  archive.finalize();
}

/** A layer's tar, which fails when it turns out to be another than planned. */
async function* unchanged(
  entries: readonly LayerEntry[],
  planned: Descriptor,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of layerTar(entries, signal)) {
    size += chunk.length;
    if (size > planned.size) break;
    hash.update(chunk);
    yield chunk;
  }
  if (size !== planned.size || `sha256:${hash.digest('hex')}` !== planned.digest) {
    throw new ImageChangedError('a file changed while its image was made: run the command again');
  }
}

/** Where a blob lies in the layout. */
export function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function index(plan: ImagePlan, ref: string): unknown {
  const annotations = {
    // containerd's name for the image, and the layout's own, which is only the tag.
    'io.containerd.image.name': ref,
    'org.opencontainers.image.ref.name': ref.slice(ref.lastIndexOf(':') + 1),
  };
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: [{ ...describe(MEDIA_TYPES.manifest, plan.manifest), platform: plan.platform, annotations }],
  };
}
