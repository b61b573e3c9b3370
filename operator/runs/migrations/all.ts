import type { Migration } from 'kysely/migration';
import { first } from './0001-first.ts';
import { operatorTerm } from './0002-operator-term.ts';

/** Every step from the first version on, by name, in the order of the names. None is ever changed or removed. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-operator-term': operatorTerm,
};
