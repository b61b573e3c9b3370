import { InvalidInput } from './input.ts';

/** The environment variable that stands for a key of a Secret in a local run. */
export function secretVariable(reference: { name: string; key: string }): string {
  const upper = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9]/g, '_');
  return `QDRANT_BENCH_SECRET_${upper(reference.name)}_${upper(reference.key)}`;
}

/** @throws {InvalidInput} naming the variable to set. */
export function secretValue(field: string, reference: { name: string; key: string }, env: NodeJS.ProcessEnv): string {
  const variable = secretVariable(reference);
  const value = env[variable];
  if (!value) {
    throw new InvalidInput(
      `${field} names key ${reference.key} of Secret ${reference.name}; in a local run set ${variable} to its value`,
    );
  }
  return value;
}
