import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callsOutside, DOORS, forbiddenImports, WRITES } from './effects.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const files = globSync('operator/**/*.ts', { cwd: root }).filter(
  (file) => !/\.test\.ts$|\.contract\.ts$|test-support|\/testing\//.test(file),
);

describe('what the operator writes to the world', () => {
  it('goes through named adapters only', () => {
    expect(files.length).toBeGreaterThan(80);
    expect(
      Object.fromEntries(
        files.map((file) => [file, forbiddenImports(file, read(file))]).filter(([, found]) => found?.length),
      ),
    ).toEqual({});
    // The doors are there, and used.
    for (const [name, doors] of Object.entries(DOORS)) {
      for (const door of doors) expect(read(door), door).toContain(`'${name}'`);
    }
  });

  it('is written as an effect by each of them', () => {
    for (const [file, { calls, within }] of Object.entries(WRITES)) {
      const source = read(file);
      expect(callsOutside(source, calls, within), file).toEqual(
        file.endsWith('postgres-run-store.ts') ? [expect.stringMatching(/: transaction$/)] : [],
      );
      expect(source, file).toContain('effects.perform(');
    }
    expect(read('operator/runtime/kube-client.ts').match(/effects\.perform\(/g)).toHaveLength(1);
  });

  it('and nobody asks the web besides: one question whether an engine is a whole Qdrant', () => {
    const asking = files.filter((file) => /(?<![.\w])fetch\(/.test(read(file)));
    expect(asking).toEqual(['operator/targets/edge-engine.ts']);
  });
});

describe('a write beside the effects is found', () => {
  it.each([
    ["import { Pool } from 'pg';", ['pg']],
    ["import type { Client } from 'pg';", ['pg']],
    ["import {\n  connect,\n} from 'nats';", ['nats']],
    ["export { connect } from 'nats';", ['nats']],
    ["import 'undici';", ['undici']],
    ["const { Pool } = await import('pg');", ['pg']],
    ["import { sql } from 'kysely';\n// from 'pg'", []],
  ])('by its import: %s', (source, found) => {
    expect(forbiddenImports('operator/sweep/planted.ts', source)).toEqual(found);
  });

  it.each([
    ['await jsm.streams.add(wanted);', ['1: add']],
    ["await effects.perform('x', () => jsm.streams.add(wanted));", []],
    ["await effects.perform('x', async () => {\n  if (a(b)) await jsm.streams.add(wanted);\n});", []],
    ["await effects.perform('x', () => f());\nawait jsm.streams.add(wanted);", ['2: add']],
    ["// jsm.streams.add(\nconst text = 'perform(';\njsm.streams.add(wanted);", ['3: add']],
    ['const added = add(1);', []],
    ['jobs.add(name);', []],
    ['await jsm.streams.add<Stream>(wanted);', ['1: add']],
  ])('by its call: %s', (source, found) => {
    expect(callsOutside(source, ['streams.add'], 'perform')).toEqual(found);
  });
});
