import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { fvecs, ivecs } from '../testing/vecs.ts';
import { BlockRows } from './block-rows.ts';
import { JsonRows } from './json-rows.ts';
import { readQueryBodies } from './query-bodies.ts';
import { openVectors, readTruth, type VectorRows } from './vector-files.ts';

async function withFile<T>(name: string, content: string | Buffer, use: (path: string) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, name);
  await writeFile(path, content);
  return await use(path);
}

describe('vector files', () => {
  it('opens vectors and encodes queries once', async () => {
    const rows = [
      [1, 2.5],
      [-3, 0],
    ];
    await withFile('q.fvecs', fvecs(rows), async (path) => {
      await using file = await openVectors('--queries', path);
      expect(file).toMatchObject({ rows: 2, dimensions: 2 });
      const bodies = await readQueryBodies(file, { limit: 3, params: { hnsw_ef: 8 }, using: 'ü' });
      expect(bodies.map((body) => JSON.parse(body.toString()) as unknown)).toEqual(
        rows.map((query) => ({
          query,
          limit: 3,
          params: { hnsw_ef: 8 },
          with_payload: false,
          with_vector: false,
          using: 'ü',
        })),
      );
    });
  });

  it('reads of the ground truth as much as is needed', async () => {
    const rows = [
      [5, 6, 7],
      [8, 9, 10],
      [1, 2, 3],
    ];
    await withFile('g.ivecs', ivecs(rows), async (path) => {
      expect(await readTruth('--ground-truth', path, 2, 2)).toEqual({ k: 2, ids: Int32Array.of(5, 6, 8, 9) });
      await expect(readTruth('--ground-truth', path, 4, 2)).rejects.toThrow(
        /--ground-truth .*has 3 rows, but there are 4 queries/,
      );
      await expect(readTruth('--ground-truth', path, 2, 10)).rejects.toThrow(
        /names 3 neighbours a query, --limit asks for 10/,
      );
    });
    await withFile('g.ivecs', ivecs([[1], [-1]]), async (path) => {
      await expect(readTruth('--ground-truth', path, 2, 1)).rejects.toThrow(/row 1 names neighbour -1/);
    });
    await withFile('g.fvecs', fvecs([[1]]), async (path) => {
      await expect(readTruth('--ground-truth', path, 1, 1)).rejects.toThrow(
        /is of format fvecs; expected row numbers, as ivecs/,
      );
    });
  });

  it.each([
    ['missing.fvecs', /--base .*missing\.fvecs: the file does not exist/],
    ['file.txt', /the format cannot be told/],
  ])('names the flag of %s', async (name, message) => {
    await withFile('file.txt', 'x', async (path) => {
      await expect(openVectors('--base', path.replace('file.txt', name))).rejects.toThrow(message);
    });
  });
});

describe('BlockRows', () => {
  /** Rows of one dimension whose value is their number, in blocks of seven. */
  const file = (rows: number, begun: () => void): VectorRows => ({
    rows,
    dimensions: 1,
    async *blocks() {
      begun();
      for (let first = 0; first < rows; first += 7) {
        yield Promise.resolve(Float32Array.from({ length: Math.min(7, rows - first) }, (_, i) => first + i));
      }
    },
  });

  it('gives any run of rows, in any order, also when asked for several at once', async () => {
    const runs = fc.array(fc.tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 1, max: 30 })), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(runs, async (asked) => {
        const rows = new BlockRows(file(100, () => undefined));
        const wanted = asked.map(([first, count]) => ({ first, count: Math.min(count, 100 - first) }));
        const got = await Promise.all(wanted.map(({ first, count }) => rows.rows(first, count)));
        got.forEach((values, i) => {
          const { first, count } = wanted[i] as { first: number; count: number };
          expect([...values]).toEqual(Array.from({ length: count }, (_, row) => first + row));
        });
        await rows.close();
      }),
      { numRuns: 50 },
    );
  });

  it('reads the file once for what is asked in order, and again only for what it has let go', async () => {
    let begun = 0;
    const dimensions = 2 ** 22;
    const large: VectorRows = {
      rows: 20,
      dimensions,
      async *blocks() {
        begun += 1;
        for (let row = 0; row < 20; row += 1) yield Promise.resolve(new Float32Array(dimensions).fill(row));
      },
    };
    const rows = new BlockRows(large);
    for (let row = 0; row < 20; row += 1) expect((await rows.rows(row, 1))[0]).toBe(row);
    expect((await rows.rows(18, 1))[0]).toBe(18);
    expect(begun).toBe(1);
    expect((await rows.rows(0, 1))[0]).toBe(0);
    expect(begun).toBe(2);
    await expect(rows.rows(20, 1)).rejects.toThrow('row 20 is beyond the end of the file');
    expect((await rows.rows(3, 1))[0]).toBe(3);
    await rows.close();
  });
});

describe('JsonRows', () => {
  it('gives the lines of any rows as they were written', async () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }), {
      minLength: 1,
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(objects, fc.boolean(), fc.nat(), fc.nat(), async (rows, ended, a, b) => {
        const lines = rows.map((row) => JSON.stringify(row));
        await withFile('p.jsonl', lines.join('\n') + (ended ? '\n' : ''), async (path) => {
          const payloads = await JsonRows.open('--payload', path, rows.length);
          const first = a % rows.length;
          const count = 1 + (b % (rows.length - first));
          expect(await payloads.rows(first, count)).toEqual(lines.slice(first, first + count));
          expect(payloads.longest).toBe(Math.max(...lines.map((line) => Buffer.byteLength(line))));
          expect(payloads.mean).toBeGreaterThan(0);
          await payloads.close();
        });
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['{}\n{}\n', 3, /has 2 lines, but --base has 3 rows/],
    ['{}\n{}\n{}\n', 2, /has more than 2 lines/],
    ['{}\n{"secret":\n', 2, /line 2 is not JSON; expected a JSON object$/],
    ['{}\n\n{}', 3, /line 2 is empty/],
    ['[1]\n', 1, /line 1 is no object/],
    [`"${'x'.repeat(2 ** 20)}"\n`, 1, /line 1 is longer than 1048576 bytes/],
    [`"${'x'.repeat(2 ** 21 + 9)}`, 1, /line 1 is longer than/],
  ])('refuses %#', async (text, rows, message) => {
    await withFile('p.jsonl', text, async (path) => {
      await expect(JsonRows.open('--payload', path, rows)).rejects.toThrow(message);
      await expect(JsonRows.open('--payload', `${path}.not`, rows)).rejects.toThrow(/cannot be read/);
    });
  });
});
