import { isDeepStrictEqual } from 'node:util';
import type { ObjectEvent } from './object-cache.ts';

/**
 * Whether an event is of a change that people make, or Kubernetes for them: of the spec, labels or annotations, or the
 * wish to delete it. Our own writes of status and finalizers come back as events, too, and have to cause no run.
 */
export function isTheirs(event: ObjectEvent): boolean {
  if (event.type !== 'Updated') return true;
  const { metadata: now } = event.object;
  const { metadata: before } = event.previous;
  return (
    now.generation !== before.generation ||
    now.deletionTimestamp !== before.deletionTimestamp ||
    !isDeepStrictEqual(now.labels, before.labels) ||
    !isDeepStrictEqual(now.annotations, before.annotations)
  );
}
