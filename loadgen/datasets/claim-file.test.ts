import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { localAccess, type Access } from '../net/access.ts';
import { addressRules } from '../net/address-rules.ts';
import { temporaryFolder } from '../testing/fixtures.ts';
import { fvecs } from '../testing/vecs.ts';
import { openClaimFile } from './claim-file.ts';
import { prepareDataset } from './prepare.ts';

/** A pod with one volume mounted, and something else beside it. */
async function pod(): Promise<{ path: string; access: Access; volume: string } & AsyncDisposable> {
  const folder = await temporaryFolder();
  const claims = join(folder.path, 'claims');
  const volume = join(claims, 'data');
  await mkdir(join(volume, '2026'), { recursive: true });
  await mkdir(join(claims, 'data-of-another'));
  await writeFile(join(folder.path, 'job.json'), 'secret');
  await writeFile(join(claims, 'data-of-another', 'x'), 'secret');
  const rules = addressRules({ allow: [], deny: [] });
  const access: Access = { rules, files: false, claims, env: {} };
  return { path: folder.path, access, volume, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

describe('a file on a volume', () => {
  it('is read where it lies, also by links that stay inside', async () => {
    await using place = await pod();
    await writeFile(
      join(place.volume, '2026', 'base.fvecs'),
      fvecs([
        [0, 0],
        [1, 1],
      ]),
    );
    await symlink('2026/base.fvecs', join(place.volume, 'latest.fvecs'));
    const at = (path: string) => ({ persistentVolumeClaim: { claimName: 'data', path } });
    const prepared = await prepareDataset(
      {
        kind: 'Prepare',
        dataset: {
          vectors: { base: at('/2026/base.fvecs'), queries: at('/latest.fvecs'), distance: 'Euclid' },
        },
        limit: 1,
        cacheDir: join(place.path, 'cache'),
      },
      { progress: () => undefined, access: place.access },
    );
    expect(prepared).toMatchObject({ points: 2, dimensions: 2, queries: 2 });
  });

  it('has the checksum it should have', async () => {
    await using place = await pod();
    await writeFile(join(place.volume, 'base.fvecs'), fvecs([[0, 0]]));
    const base = { persistentVolumeClaim: { claimName: 'data', path: '/base.fvecs' }, sha256: '0'.repeat(64) };
    const attempt = prepareDataset(
      {
        kind: 'Prepare',
        dataset: { vectors: { base, queries: base, distance: 'Euclid' } },
        limit: 1,
        cacheDir: join(place.path, 'cache'),
      },
      { progress: () => undefined, access: place.access },
    );
    await expect(attempt).rejects.toThrow(/^base data:\/base\.fvecs: sha256 is .*, expected 0{64}/);
  });

  it.each<[string, string, (volume: string) => Promise<unknown>]>([
    ['leads out of the volume', '/../../job.json', () => Promise.resolve()],
    ['leads out of the volume', '/../data-of-another/x', () => Promise.resolve()],
    ['leads out of the volume', '/out', (volume) => symlink('../../job.json', join(volume, 'out'))],
    ['leads out of the volume', '/out/job.json', (volume) => symlink('../..', join(volume, 'out'))],
    ['leads out of the volume', '/out', (volume) => symlink(import.meta.filename, join(volume, 'out'))],
    ['cannot be read (ENOENT)', '/nothing', () => Promise.resolve()],
    ['cannot be read (ELOOP)', '/loop', (volume) => symlink('loop', join(volume, 'loop'))],
    ['cannot be read (it is not a file)', '/2026', () => Promise.resolve()],
    ['cannot be read (it is not a file)', '/pipe', (volume) => promisify(execFile)('mkfifo', [join(volume, 'pipe')])],
  ])('%s: %s', async (why, path, make) => {
    await using place = await pod();
    await make(place.volume);
    const attempt = openClaimFile({ claimName: 'data', path }, 'base data:x', place.access);
    await expect(attempt).rejects.toMatchObject({ reason: 'DatasetUnreachable' });
    await expect(attempt).rejects.toThrow(`base data:x: ${path} of PersistentVolumeClaim data ${why}`);
    await expect(attempt).rejects.not.toThrow(place.path);
  });

  it('is nowhere where it is not mounted', async () => {
    await using place = await pod();
    const open = (access: Access) => openClaimFile({ claimName: 'other', path: '/x' }, 'base', access);
    await expect(open(localAccess({}))).rejects.toThrow(/is not mounted: a local run has none; use a file: URL/);
    await expect(open(place.access)).rejects.toThrow(/^base: \/x of PersistentVolumeClaim other is not mounted/);
  });
});
