import { readlink, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Claim } from '../../crds/common/source.ts';
import { JobError } from '../job-error.ts';
import type { Access } from '../net/access.ts';
import { DataFile } from './formats/data-file.ts';

/**
 * Opens a file of a PersistentVolumeClaim, which the pod has mounted. What was opened, not what was named, has to lie in
 * the volume: links may lead out of it, to what else the pod has mounted, and may be changed by who else has mounted it.
 * @throws {JobError} DatasetUnreachable, naming the claim and the path.
 */
export async function openClaimFile({ claimName, path }: Claim, name: string, access: Access): Promise<DataFile> {
  const refuse = (why: string, cause?: unknown) =>
    new JobError('DatasetUnreachable', `${name}: ${path} of PersistentVolumeClaim ${claimName} ${why}`, { cause });
  if (access.claims === undefined) throw refuse('is not mounted: a local run has none; use a file: URL');
  const root = await realpath(join(access.claims, claimName)).catch((error: unknown) => {
    throw refuse(`is not mounted (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, error);
  });
  let file: DataFile | undefined;
  try {
    file = await DataFile.open(join(root, path), name);
    const opened = await readlink(`/proc/self/fd/${file.fd}`);
    if (opened.startsWith(root + sep)) return file;
  } catch (error) {
    await file?.close();
    // The system's message would name where the volume is mounted.
    const { code, message } = error as NodeJS.ErrnoException;
    throw refuse(`cannot be read (${code ?? message}); check the path, and that user 65532 may read it`, error);
  }
  await file.close();
  throw refuse('leads out of the volume; put the file itself there');
}
