import { createHash } from 'node:crypto';
import { appendFile, readdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { extract, type Header } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { layerTar, type LayerEntry } from './layer.ts';
import { ImageChangedError, machineArchitecture, planImage, writeImage, type ImageSpec } from './oci.ts';
import { BrokenImageError, readImage } from './read-image.ts';
import { testFolder } from './testing/folder.ts';

const REF = 'qdrant-bench.local/try:1-abc';
const root = { uid: 0, gid: 0 };

async function bytes(entries: readonly LayerEntry[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of layerTar(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function members(tar: Buffer): Promise<{ header: Header; content: Buffer }[]> {
  const reader = extract();
  reader.end(tar);
  const found = [];
  for await (const member of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of member as AsyncIterable<Buffer>) chunks.push(chunk);
    found.push({ header: member.header, content: Buffer.concat(chunks) });
  }
  return found;
}

/** Entries of every kind, with bytes enough to be streamed. */
async function sample(folder: string): Promise<ImageSpec> {
  const big = join(folder, 'big');
  await writeFile(big, Buffer.alloc(3 * 1024 * 1024 + 17, 'qdrant'));
  return {
    layers: [
      [
        { type: 'directory', path: 'usr', mode: 0o755, ...root },
        { type: 'file', path: 'usr/big', mode: 0o755, ...root, source: { file: big } },
        { type: 'directory', path: 'tmp', mode: 0o1777, ...root },
      ],
      [
        { type: 'file', path: 'etc/hello', mode: 0o640, uid: 65_532, gid: 7, source: { content: 'hello\n' } },
        { type: 'file', path: 'etc/empty', mode: 0o644, ...root, source: { content: '' } },
        { type: 'symlink', path: 'bin', target: '/usr/bin', ...root },
      ],
    ],
    config: { Entrypoint: ['/usr/big'], User: '65532:65532' },
    architecture: 'amd64',
  };
}

describe('a layer', () => {
  test('keeps kind, mode, owner, target and bytes of each entry, and forgets when it was made', async () => {
    await using folder = await testFolder();
    const { layers } = await sample(folder.path);
    const found = await members(await bytes(layers.flat()));
    const seen = found.map(({ header, content }) => {
      const { type, name, mode, uid, gid, linkname, mtime } = header;
      return [type, name, mode.toString(8), uid, gid, linkname, mtime.getTime(), content.length];
    });
    expect(seen).toEqual([
      ['symlink', 'bin', '777', 0, 0, '/usr/bin', 0, 0],
      ['file', 'etc/empty', '644', 0, 0, null, 0, 0],
      ['file', 'etc/hello', '640', 65_532, 7, null, 0, 6],
      ['directory', 'tmp', '1777', 0, 0, null, 0, 0],
      ['directory', 'usr', '755', 0, 0, null, 0, 0],
      ['file', 'usr/big', '755', 0, 0, null, 0, 3 * 1024 * 1024 + 17],
    ]);
  });

  test('any names, long ones and other alphabets too, survive in any order', async () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', 'é', '日', ' ', '.x'), minLength: 1, maxLength: 90 });
    const path = fc
      .array(name, { minLength: 1, maxLength: 5 })
      .map((parts) => parts.map((part) => `n${part}`).join('/'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(path, { minLength: 1, maxLength: 8 }), async (paths) => {
        const entries = paths.map((path): LayerEntry => {
          return { type: 'file', path, mode: 0o644, ...root, source: { content: path } };
        });
        const tar = await bytes(entries);
        expect((await bytes(entries.toReversed())).equals(tar)).toBe(true);
        const found = await members(tar);
        expect(found.map(({ header }) => header.name).toSorted()).toEqual(paths.toSorted());
        for (const { header, content } of found) expect(content.toString()).toBe(header.name);
      }),
      { numRuns: 50 },
    );
  });

  test('names the file it cannot read', async () => {
    await using folder = await testFolder();
    const file = join(folder.path, 'missing');
    const entry: LayerEntry = { type: 'file', path: 'x', mode: 0o644, ...root, source: { file } };
    await expect(bytes([entry])).rejects.toThrow(file);
  });

  test('a reader that goes away early leaves nothing running', async () => {
    await using folder = await testFolder();
    const { layers } = await sample(folder.path);
    for await (const chunk of layerTar(layers[0] ?? [])) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  });
});

describe('an image', () => {
  test('is read back as it was planned, and every blob lies under its own digest', async () => {
    await using folder = await testFolder();
    const plan = await planImage(await sample(folder.path));
    const tar = join(folder.path, 'image.tar');
    await writeImage(plan, REF, tar);
    expect(await readImage(tar)).toEqual({
      ref: REF,
      digest: plan.digest,
      config: plan.spec.config,
      architecture: 'amd64',
      layers: plan.layers,
    });

    const found = new Map((await members(await readFile(tar))).map(({ header, content }) => [header.name, content]));
    expect([...found.keys()].slice(0, 2)).toEqual(['oci-layout', 'index.json']);
    const blobs = [...found].filter(([name]) => name.startsWith('blobs/sha256/'));
    expect(blobs).toHaveLength(4);
    for (const [name, content] of blobs) {
      expect(name).toBe(`blobs/sha256/${createHash('sha256').update(content).digest('hex')}`);
    }
    const index = JSON.parse(found.get('index.json')?.toString() ?? '') as { manifests: Record<string, unknown>[] };
    expect(index.manifests).toEqual([
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: plan.digest,
        size: plan.manifest.length,
        platform: { architecture: 'amd64', os: 'linux' },
        annotations: { 'io.containerd.image.name': REF, 'org.opencontainers.image.ref.name': '1-abc' },
      },
    ]);
    for (const [at, layer] of plan.layers.entries()) {
      const content = found.get(layer.digest.replace('sha256:', 'blobs/sha256/'));
      expect(content?.equals(await bytes(plan.spec.layers[at] ?? []))).toBe(true);
      expect(content?.length).toBe(layer.size);
    }
  });

  test('is the same whenever it is made, and another with other bytes, modes or settings', async () => {
    await using folder = await testFolder();
    const spec = await sample(folder.path);
    const { digest } = await planImage(spec);
    await utimes(join(folder.path, 'big'), 1, 1);
    const again = await planImage({ ...spec, layers: spec.layers.map((entries) => entries.toReversed()) });
    expect(again.digest).toBe(digest);
    const [first, second] = [join(folder.path, '1'), join(folder.path, '2')];
    await writeImage(again, REF, first);
    await writeImage(again, REF, second);
    expect((await readFile(first)).equals(await readFile(second))).toBe(true);

    const more: LayerEntry = { type: 'directory', path: 'x', mode: 0o700, ...root };
    const others = [
      { ...spec, config: {} },
      { ...spec, layers: [...spec.layers, [more]] },
      { ...spec, layers: [...spec.layers, [{ ...more, mode: 0o755 }]] },
      { ...spec, architecture: 'arm64' },
    ];
    const digests = await Promise.all(others.map(async (other) => (await planImage(other)).digest));
    expect(new Set([digest, ...digests]).size).toBe(5);
  });

  test('keeps one blob for two layers that are the same', async () => {
    await using folder = await testFolder();
    const layer: LayerEntry[] = [{ type: 'directory', path: 'x', mode: 0o755, ...root }];
    const plan = await planImage({ layers: [layer, layer], config: {} });
    const tar = join(folder.path, 'image.tar');
    await writeImage(plan, REF, tar);
    expect((await readImage(tar)).layers).toHaveLength(2);
  });

  test.each([
    ['grows', (file: string) => appendFile(file, 'x')],
    ['shrinks', (file: string) => truncate(file, 2 * 1024 * 1024)],
    ['has other bytes', (file: string) => writeFile(file, Buffer.alloc(3 * 1024 * 1024 + 17, 'x'))],
  ])('is not written when a file %s after it was planned', async (_, change) => {
    await using folder = await testFolder();
    const plan = await planImage(await sample(folder.path));
    await change(join(folder.path, 'big'));
    await expect(writeImage(plan, REF, join(folder.path, 'image.tar'))).rejects.toThrow(ImageChangedError);
  });

  test('says where it could not be written', async () => {
    await using folder = await testFolder();
    const plan = await planImage(await sample(folder.path));
    const path = join(folder.path, 'none', 'image.tar');
    await expect(writeImage(plan, REF, path)).rejects.toThrow(/ENOENT.*none\/image\.tar/);
  });

  test('ends when it is told to', async () => {
    await using folder = await testFolder();
    const spec = await sample(folder.path);
    await expect(planImage(spec, AbortSignal.abort())).rejects.toThrow('abort');
    const plan = await planImage(spec);
    await expect(writeImage(plan, REF, join(folder.path, 'i.tar'), AbortSignal.abort())).rejects.toThrow('abort');
    expect(await readdir(folder.path)).toContain('big');
  });

  test.each([
    ['cut short', (tar: Buffer) => tar.subarray(0, tar.length / 2)],
    ['empty', () => Buffer.alloc(0)],
    ['no tar', () => Buffer.alloc(4096, 'x')],
    ['damaged in a layer', (tar: Buffer) => Buffer.from(tar).fill('y', tar.length - 200_000, tar.length - 199_999)],
    [
      'damaged in the index',
      (tar: Buffer) => Buffer.from(tar.toString('latin1').replace('sha256:', 'sha256:0'), 'latin1'),
    ],
  ])('that is %s is not taken for a whole one', async (_, damage) => {
    await using folder = await testFolder();
    const spec = await sample(folder.path);
    const tar = join(folder.path, 'image.tar');
    await writeImage(await planImage({ ...spec, layers: spec.layers.toReversed() }), REF, tar);
    await writeFile(tar, damage(await readFile(tar)));
    await expect(readImage(tar)).rejects.toThrow(BrokenImageError);
  });
});

test('machines are named as images name them', () => {
  expect([machineArchitecture('x64'), machineArchitecture('arm64')]).toEqual(['amd64', 'arm64']);
  expect(() => machineArchitecture('mips')).toThrow('its architecture is mips, expected x64 or arm64');
});
