import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { datasetMetaSchema, FILES, type DatasetMeta } from './dataset.ts';

/** A scratch folder whose process is gone and that has not been touched for this long is nobody's. */
const ABANDONED_MILLISECONDS = 600_000;

/** Deletes what killed processes left behind. */
export async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const pid = /^\.partial-([0-9]+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
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
