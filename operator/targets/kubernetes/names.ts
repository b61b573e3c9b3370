import { createHash } from 'node:crypto';
import type { SweepRef } from '../../owned/sweep-ref.ts';

/** A StatefulSet's name has to leave room for what its controller appends in labels. */
const LONGEST = 52;

/**
 * The name of something made for a sweep: a DNS label of at most 52 characters, the same for the same sweep, another for
 * a sweep made again under the same name.
 */
export function childName({ namespace, name, uid }: SweepRef, suffix: string): string {
  const hash = createHash('sha256').update(`${namespace}/${name}/${uid}`).digest('hex').slice(0, 8);
  const room = LONGEST - 'qsw-'.length - `-${hash}-${suffix}`.length;
  return `qsw-${name.slice(0, room).replace(/-+$/, '')}-${hash}-${suffix}`;
}
