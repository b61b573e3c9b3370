import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { datasetMetaSchema, FILES, type DatasetMeta } from './dataset.ts';

/** A scratch folder whose process is gone and that has not been touched for this long is nobody's. */
const ABANDONED_MILLISECONDS = 600_000;

/** Scratch folders of this very process. */
const ours = new Set<string>();

/** Makes a folder for what is not finished. Whoever makes it deletes it. */
export async function makeScratch(cacheDir: string): Promise<string> {
  const name = `.partial-${process.pid}-${randomBytes(6).toString('hex')}`;
  ours.add(name);
  await mkdir(join(cacheDir, name));
  return join(cacheDir, name);
}

/** Deletes what killed processes left behind. */
export async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const pid = Number(/^\.partial-([0-9]+)-/.exec(name)?.[1]);
    if (Number.isNaN(pid) || ours.has(name)) continue;
    if (pid === process.pid) {
      // A pod's processes have the same ids as those of the pod before it; a cache is one process's at a time.
      await rm(join(cacheDir, name), { recursive: true, force: true });
      continue;
    }
    if (isAlive(pid)) continue;
    const { mtimeMs } = await stat(join(cacheDir, name)).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > ABANDONED_MILLISECONDS) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Moves the finished folder to its place. Whoever else prepared the same meanwhile wrote the same content. */
export async function putInPlace(made: string, dir: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await rename(made, dir);
      return;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt === 3) throw error;
      if (await validMeta(dir)) return;
      await rm(dir, { recursive: true, force: true });
    }
  }
}

/** The description of a prepared folder whose files are whole, else undefined. */
export async function validMeta(dir: string): Promise<DatasetMeta | undefined> {
  try {
    const meta = datasetMetaSchema.parse(JSON.parse(await readFile(join(dir, FILES.meta), 'utf8')));
    for (const [name, { bytes, sha256 }] of Object.entries(meta.files)) {
      if ((await stat(join(dir, name))).size !== bytes) return undefined;
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(join(dir, name), { highWaterMark: 1 << 20 }))
        hash.update(chunk as Buffer);
      if (hash.digest('hex') !== sha256) return undefined;
    }
    return meta;
  } catch {
    return undefined;
  }
}
