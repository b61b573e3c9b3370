import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { inProcess, printed, SMALL_SPEC, sweepYaml, temporaryFolder } from './cli.test-support.ts';

const { path: folder, remove } = temporaryFolder();
const store = join(folder, 'store');
const record = join(store, 'record');
mkdirSync(record, { recursive: true, mode: 0o700 });
const mounted =
  process.getuid?.() === 0 &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256m,mode=0700', 'tmpfs', record]).status === 0;
afterAll(() => {
  if (mounted) spawnSync('umount', ['-l', record]);
  remove();
});

it.skipIf(!mounted)(
  'a full disk under the record stops the sweep with a clear error, loses nothing, and it goes on when there is room',
  async () => {
    const file = join(folder, 'full.yaml');
    const write = (builds: number) => writeFileSync(file, sweepYaml('full', { ...SMALL_SPEC, budget: { builds } }));
    const args = ['run', file, '--store', store, '--output', 'json'];
    write(1);
    const first = await inProcess(args);
    expect(first.code, first.err).toBeLessThanOrEqual(1);

    const { bavail, bsize } = statfsSync(record);
    const filler = join(record, 'filler');
    writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 64 * 1024)));
    write(3);
    const full = await inProcess(args);
    expect(full.code, full.err).toBe(4);
    expect(full.err).toContain('StoreFull');
    expect(full.err).toContain(record);

    rmSync(filler);
    const after = await inProcess(args);
    expect(after.code, after.err).toBeLessThanOrEqual(1);
    const [before, now] = [printed(first), printed(after)];
    for (const row of before.searches.filter(({ repeat }) => repeat === 0)) {
      expect(now.searches.find(({ id }) => id === row.id)).toEqual(row);
    }
    expect(now.status.progress.builds).toBe(3);
  },
);
