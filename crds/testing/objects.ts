// oxlint-disable no-restricted-imports -- for tests: reads the examples
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Kind } from '../common/resource.ts';

/** A resource as a client would send it. */
export interface TestObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/** What is put where in a spec: `arms[0].name`; `undefined` removes. */
export type Changes = Record<string, unknown>;

/** The full example of a kind: every part once. */
export const fullExample = ({ singular }: Kind): TestObject =>
  parse(readFileSync(join(import.meta.dirname, `../../examples/full/${singular}.yaml`), 'utf8')) as TestObject;

/** The full example without its status, with some of its spec changed. */
export function changedExample(kind: Kind, changes: Changes, name = 'changed'): TestObject {
  const { status: _, ...object } = fullExample(kind);
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(/[.[\]]+/).filter(Boolean);
    const last = keys.pop() as string;
    let holder: Record<string, unknown> = object.spec;
    for (const key of keys) holder = (holder[key] ??= {}) as Record<string, unknown>;
    if (value === undefined) delete holder[last];
    else holder[last] = value;
  }
  return { ...object, metadata: { name } };
}
