import { createHash } from 'node:crypto';
import type { Job } from '../../../loadgen/protocol.ts';
import type { SweepRef } from '../../owned/sweep-ref.ts';
import { stableJson } from '../../sweep/identity.ts';

const hash = (length: number, ...parts: unknown[]): string =>
  createHash('sha256').update(stableJson(parts)).digest('hex').slice(0, length);

/** `qsw-<sweep>-<hash of its UID>`: what the names of a sweep's objects begin with; at most 28 characters. */
export function namePrefix({ name, uid }: Pick<SweepRef, 'name' | 'uid'>): string {
  return `qsw-${name.slice(0, 18).replace(/-+$/, '')}-${hash(5, uid)}`;
}

/**
 * The name of a job's Job, pods and Secret: a DNS label of at most 52 characters, the same whenever the same job is
 * asked for, so that asking twice makes one.
 */
export function jobName(sweep: Pick<SweepRef, 'name' | 'uid'>, job: Job): string {
  const prefix = namePrefix(sweep);
  switch (job.kind) {
    case 'Prepare':
      return `${prefix}-prepare-${hash(8, job)}`;
    case 'Measure':
      return `${prefix}-${hash(8, job.run)}-${job.attempt}`;
    case 'Finals':
      return `${prefix}-finals-${hash(8, job)}`;
  }
}

/** The PersistentVolumeClaim that holds a sweep's prepared dataset. */
export const datasetClaimName = (sweep: Pick<SweepRef, 'name' | 'uid'>): string => `${namePrefix(sweep)}-dataset`;
