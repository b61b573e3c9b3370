import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generatedFiles, main } from './main.ts';

const FILES = await generatedFiles();
const NAMES = [...FILES.keys()];

let root: string;
let lines: string[];
const run = (...args: string[]) => main(args, (line) => lines.push(line), root);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'crds-'));
  lines = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('crds/generate', () => {
  it('has written what the checkout holds', () => {
    for (const [file, text] of FILES) expect(readFileSync(join(import.meta.dirname, '../..', file), 'utf8')).toBe(text);
    expect(NAMES).toHaveLength(9);
  });

  it('writes all files, and nothing when they are as they should be', async () => {
    expect(await run()).toBe(0);
    expect(lines).toEqual(NAMES.map((file) => `wrote ${file}`));
    lines = [];
    expect(await run()).toBe(0);
    expect(await run('--check')).toBe(0);
    expect(lines).toEqual([]);
  });

  it('--check names a stale or missing file, and writes nothing', async () => {
    await run();
    writeFileSync(join(root, NAMES[0] as string), 'edited');
    rmSync(join(root, NAMES[1] as string));
    lines = [];
    expect(await run('--check')).toBe(1);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(`${NAMES[0]} is stale`);
    expect(readFileSync(join(root, NAMES[0] as string), 'utf8')).toBe('edited');
  });

  it('explains itself and refuses what it does not know', async () => {
    expect(await run('--help')).toBe(0);
    expect(lines.join('\n')).toContain('--check');
    expect(await run('--chekc')).toBe(2);
    expect(lines.at(-1)).toBe('Try --help.');
  });
});
