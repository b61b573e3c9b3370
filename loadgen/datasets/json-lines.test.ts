import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { MAX_LINE_BYTES, readJsonLines } from './json-lines.ts';
import { PayloadReader } from './payload-file.ts';
import { writeLines } from './prepared-lines.ts';

async function lines(content: string | Buffer): Promise<string[]> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'payload.jsonl');
  await writeFile(path, content);
  const found: string[] = [];
  for await (const line of readJsonLines(createReadStream(path), 'payload here')) found.push(line);
  return found;
}

describe('readJsonLines', () => {
  it('reads every object as it is written, whatever ends a line', async () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value));
    await fc.assert(
      fc.asyncProperty(fc.array(object), fc.constantFrom('\n', '\r\n'), fc.boolean(), async (texts, end, last) => {
        expect(await lines(texts.join(end) + (last && texts.length > 0 ? end : ''))).toEqual(texts);
      }),
      { numRuns: 30 },
    );
  });

  it('reads lines that are longer than a piece of the file', async () => {
    const long = JSON.stringify({ text: 'x'.repeat(700_000) });
    expect(await lines(`${long}\n{"a":1}\n${long}`)).toEqual([long, '{"a":1}', long]);
  });

  it.each([
    ['{"a":1}\n[1]\n', 'payload here: row 1: is no JSON object; expected one JSON object a line'],
    ['{"a":1}\n\n{"a":1}', 'payload here: row 1: is no JSON object'],
    ['{"secret":"hunter2"', 'payload here: row 0: is no JSON object'],
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'payload here: row 0: is not UTF-8'],
    [`{"a":1}\n{"a":"${'x'.repeat(MAX_LINE_BYTES)}"}\n`, `payload here: row 1: is longer than ${MAX_LINE_BYTES} bytes`],
    ['x'.repeat(3 * MAX_LINE_BYTES), `payload here: row 0: is longer than ${MAX_LINE_BYTES} bytes`],
  ])('names the row of what is wrong', async (content, message) => {
    const error = await lines(content).catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ reason: 'DatasetInvalid', message: expect.stringContaining(message) as string });
    expect((error as Error).message).not.toContain('hunter2');
  });
});

describe('payloads of a prepared dataset', () => {
  it('are read back, any run of rows', async () => {
    await using folder = await temporaryFolder();
    const paths = { texts: join(folder.path, 'p.jsonl'), offsets: join(folder.path, 'p.f64') };
    // More rows than are written at a time, of one to several bytes a character.
    const rows = Array.from({ length: 70_000 }, (_, i) => `{"a":"${'ü€'.repeat(i % 5)}${i}"}`);
    const pieces: Uint8Array[] = [];
    const written = await writeLines(
      paths,
      (async function* () {
        yield* rows;
      })(),
      { rows: rows.length, name: 'p', of: 'base vectors' },
      (piece) => pieces.push(piece),
    );
    expect(Buffer.concat(pieces).toString()).toBe(`${rows.join('\n')}\n`);
    expect(written.offsets?.bytes).toBe((rows.length + 1) * 8);
    expect(written.longest).toBe(Math.max(...rows.map((row) => Buffer.byteLength(row) + 1)));
    const reader = await PayloadReader.open(paths);
    for (const [first, count] of [
      [0, 1],
      [0, 1000],
      [65_530, 20],
      [69_999, 1],
    ] as const) {
      expect((await reader.rows(first, count)).texts).toEqual(rows.slice(first, first + count));
    }
    // No more than so many bytes, but at least a row.
    const few = await reader.rows(10, 1000, 500);
    expect(few.bytes).toBeLessThanOrEqual(500);
    expect(few.texts.length).toBeGreaterThan(1);
    expect(few.texts).toEqual(rows.slice(10, 10 + few.texts.length));
    expect((await reader.rows(10, 1000, 1)).texts).toEqual([rows[10]]);
    await expect(reader.rows(70_000, 1)).rejects.toThrow('shorter than its description');
    await reader.close();
    await expect(PayloadReader.open({ ...paths, offsets: '/nowhere' })).rejects.toThrow('ENOENT');
  });

  it.each([
    [2, 'p: has 2 rows, but there are 3 base vectors; expected one row for each'],
    [4, 'p: has more than 3 rows, but there are 3 base vectors'],
  ])('%d rows for 3 are refused', async (count, message) => {
    await using folder = await temporaryFolder();
    const given = (async function* () {
      for (let i = 0; i < count; i += 1) yield '{}';
    })();
    const expected = { rows: 3, name: 'p', of: 'base vectors' };
    const writing = writeLines({ texts: join(folder.path, 'p') }, given, expected, () => undefined);
    await expect(writing).rejects.toMatchObject({
      reason: 'DatasetInvalid',
      message: expect.stringContaining(message) as string,
    });
  });
});
