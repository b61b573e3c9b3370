import { z } from 'zod';
import { listByKey } from './lists.ts';

/** Longest message for people in a status. */
export const MAX_MESSAGE = 1024;
/** Of a condition: it may have to name every field that is wrong. */
export const MAX_CONDITION_MESSAGE = 4096;
const MAX_CONDITIONS = 16;

export const time = z.iso.datetime({ offset: true });
export const message = z.string().max(MAX_MESSAGE);
/** One CamelCase word from a closed list. */
export const reason = z.string().max(63);

/** A condition as Kubernetes has them, of the types a kind knows. Reconciling and Stalled are kstatus's. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it makes the names part of the type
export const condition = <const Type extends string>(types: readonly Type[]) =>
  z.strictObject({
    type: z.enum([...types, 'Reconciling', 'Stalled'] as const).describe('What the condition is about.'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
    reason: reason.describe('Why, in one word.'),
    message: z.string().max(MAX_CONDITION_MESSAGE).describe('Why, for people.'),
    lastTransitionTime: time.describe('When status last changed.'),
    observedGeneration: z.int().min(0).optional().describe('The generation of spec it was derived from.'),
  });

/** The conditions of a status, one entry a type. */
export const conditions = <S extends ReturnType<typeof condition<string>>>(item: S) =>
  listByKey(item, 'type', MAX_CONDITIONS).describe('What holds and what does not, one entry a type.');

export const observedGeneration = z.int().min(0).describe('The generation of spec this status was derived from.');
