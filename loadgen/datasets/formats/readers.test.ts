import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bvecs, fvecs, ivecs } from '../../testing/vecs.ts';
import { rowsOfBytes } from '../testing/rows.ts';
import type { DataFile } from './data-file.ts';
import { formatOf, type Format } from './format.ts';
import { JobError } from '../../job-error.ts';
import { decodeNumbers } from './numbers.ts';
import { hybrid } from './parquet-values.ts';
import type { Numbers } from './row-reader.ts';
import { neighboursOf, vectorsOf } from './values.ts';

/** Rows of equally many numbers. */
const table = (number: fc.Arbitrary<number>) =>
  fc
    .integer({ min: 1, max: 40 })
    .chain((width) =>
      fc.array(fc.array(number, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 40 }),
    );
const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const jsonl = (rows: readonly unknown[]): Buffer => Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'));

function npy(header: string, data: Buffer, version = [1, 0]): Buffer {
  const wide = version[0] !== 1;
  const head = Buffer.alloc(wide ? 12 : 10);
  head.write('\x93NUMPY', 'latin1');
  head.set(version, 6);
  if (wide) head.writeUInt32LE(header.length, 8);
  else head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(header), data]);
}
const header = (shape: string, descr = '<f4', fortran = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

describe('readers', () => {
  it('give back what was written, in every format', async () => {
    await fc.assert(
      fc.asyncProperty(table(float), table(fc.integer({ min: 0, max: 255 })), async (floats, bytes) => {
        const normal = floats.map((row) => row.map((x) => (x === 0 ? 0 : x)));
        const floatBytes = Buffer.from(Float32Array.from(normal.flat()).buffer);
        const shape = `(${normal.length}, ${normal[0]?.length})`;
        expect(await rowsOfBytes(fvecs(normal), { format: 'fvecs' })).toEqual(normal);
        expect(await rowsOfBytes(ivecs(bytes), { format: 'ivecs', role: 'groundTruth' })).toEqual(bytes);
        expect(await rowsOfBytes(bvecs(bytes), { format: 'bvecs' })).toEqual(bytes);
        expect(await rowsOfBytes(npy(header(shape), floatBytes), { format: 'npy' })).toEqual(normal);
        expect(await rowsOfBytes(jsonl(normal), { format: 'jsonl' })).toEqual(normal);
        const objects = normal.map((vector, id) => ({ id, vector, text: 'ü\n' }));
        expect(await rowsOfBytes(jsonl(objects), { format: 'jsonl' })).toEqual(normal);
      }),
      { numRuns: 40 },
    );
  });

  it('give files of several blocks, whose rows do not end where blocks of bytes do', async () => {
    const rows = Array.from({ length: 4001 }, (_, i) => Array.from({ length: 513 }, (__, d) => i + d / 1024));
    for (const [bytes, format] of [
      [fvecs(rows), 'fvecs'],
      [jsonl(rows), 'jsonl'],
      [npy(header('(4001, 513)'), Buffer.from(Float32Array.from(rows.flat()).buffer)), 'npy'],
    ] as const) {
      const read = await rowsOfBytes(bytes, { format });
      expect(read.length).toBe(4001);
      for (const i of [0, 1, 2043, 2044, 4000]) expect(read[i]).toEqual(rows[i]);
    }
  });

  it('know a ground truth from vectors in JSON', async () => {
    const rows = jsonl([{ vector: [1], neighbors: [7, 8] }]);
    expect(await rowsOfBytes(rows, { format: 'jsonl', role: 'groundTruth' })).toEqual([[7, 8]]);
    expect(await rowsOfBytes(rows, { format: 'jsonl', role: 'queries' })).toEqual([[1]]);
  });

  const good = fvecs([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const ragged = Buffer.concat([fvecs([[1, 2]]), fvecs([[1, 2, 3, 4, 5]])]);
  const line = (text: string): Buffer => Buffer.from(text);
  it.each<[string, Format, Buffer, RegExp]>([
    ['empty', 'fvecs', Buffer.alloc(0), /base x: the file is empty; expected at least one row in fvecs/],
    ['tiny', 'fvecs', Buffer.alloc(3), /3 bytes are too few/],
    ['cut off', 'fvecs', good.subarray(0, -3), /row 2 is cut off .* 33 bytes are not a multiple of 12/],
    ['of no dimensions', 'fvecs', Buffer.alloc(8), /row 0 says it has 0 dimensions; expected 1 to 65536/],
    ['of integers', 'ivecs', ivecs([[1]]), /is of format ivecs; expected vectors, as fvecs or bvecs/],
    ['ragged', 'fvecs', ragged, /row 1 says it has 5 dimensions; expected 2 as in row 0/],
    [
      'npy',
      'fvecs',
      npy(header('(1, 1)'), Buffer.alloc(4)),
      /begins as a file of format npy, not fvecs; set format: npy/,
    ],
    ['a web page', 'parquet', line('<html>'), /does not begin as a file of format parquet; is it cut off, a web page/],
    ['of npy 4', 'npy', npy(header('(1, 1)'), Buffer.alloc(4), [4, 0]), /of npy version 4; expected 1, 2 or 3/],
    ['npy cut off in its head', 'npy', line('\x93NUMPY\x01').subarray(0, 9), /does not begin as/],
    [
      'of a huge header',
      'npy',
      npy(header('(1, 1)').padEnd(2 ** 17), Buffer.alloc(4), [2, 0]),
      /header of 131072 bytes/,
    ],
    ['of a header of nothing', 'npy', npy('{}', Buffer.alloc(4)), /without descr, fortran_order and shape/],
    ['of a huge shape', 'npy', npy(header('(99999999999, 9)'), Buffer.alloc(4)), /bytes, but 99999999999 × 9 numbers/],
    ['of no rows', 'npy', npy(header('(0, 9)'), Buffer.alloc(0)), /has 0 rows of 9 dimensions/],
    ['of odd numbers', 'npy', npy(header('(1, 1)', '<f3'), Buffer.alloc(3)), /values of type <f3/],
    ['no JSON', 'jsonl', line('[1]\n{"vector": secret}'), /line 2 is no JSON; expected an array of numbers/],
    ['of no vectors', 'jsonl', line('{"vec": [1]}'), /line 1 holds no vector; expected .* one as vector/],
    ['of null', 'jsonl', line('null'), /line 1 holds no vector/],
    ['of texts', 'jsonl', line('["1"]'), /line 1 holds no vector/],
    ['ragged JSON', 'jsonl', line('[1,2]\n[1]\n'), /row 1 has 1 numbers; expected 2 as in row 0/],
    ['of empty lines', 'jsonl', line('[1]\n\n[1]'), /line 2 is no JSON/],
    ['of empty vectors', 'jsonl', line('[]'), /row 0 has 0 numbers/],
    ['a lonely newline', 'jsonl', line('\n'), /line 1 is no JSON/],
    ['of endless lines', 'jsonl', Buffer.alloc(6 * 2 ** 20, '['), /line 1 is longer than 4194304 bytes/],
    ['of long lines', 'jsonl', Buffer.concat([Buffer.alloc(4.5 * 2 ** 20, ' '), line('\n[1]')]), /line 1 is longer/],
    ['deep', 'jsonl', Buffer.alloc(2 ** 20, '['), /line 1 is no JSON/],
    ['Parquet in 10 bytes', 'parquet', line('PAR1123PAR1').subarray(0, 10), /10 bytes are too few/],
    ['encrypted', 'parquet', line('PAR100000000PARE'), /is encrypted/],
    ['cut off', 'parquet', line('PAR100000000PAR2'), /does not end as a Parquet file/],
    ['of a huge footer', 'parquet', line('PAR1000\x7f\x7f\x7f\x7fPAR1'), /has a footer of 2139062143 bytes/],
    ['HDF5 of nothing', 'hdf5', line('\x89HDF\r\n\x1a\n').subarray(0, 9), /does not begin as/],
    [
      'HDF5 of zeros',
      'hdf5',
      Buffer.concat([Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), Buffer.alloc(900)]),
      /cut off or damaged/,
    ],
  ])('refuse a file that is %s: %s', async (_, format, bytes, message) => {
    const attempt = rowsOfBytes(bytes, { format });
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ name: 'JobError', reason: 'DatasetInvalid' });
    await expect(attempt).rejects.not.toThrow(/secret/);
  });
});

describe('the format of a file', () => {
  it('is the one said, or that of the extension before a query string', () => {
    expect(formatOf('a.bin', 'fvecs')).toBe('fvecs');
    expect(formatOf('https://x/a.bvecs?sig=1.fvecs')).toBe('bvecs');
    expect(formatOf('claim:/a/B.NPY')).toBe('npy');
    expect(formatOf('a.h5')).toBe('hdf5');
    expect(formatOf('a.ndjson')).toBe('jsonl');
    for (const name of ['https://x/a.txt', 'constructor', 'a.constructor']) {
      expect(() => formatOf(name)).toThrow(/set format to one of fvecs, bvecs, ivecs, npy, hdf5, parquet, jsonl/);
    }
  });
});

describe('what rows are used for', () => {
  const file = { invalid: (what: string) => new JobError('DatasetInvalid', what) } as DataFile;
  const reader = (...blocks: Numbers[]) => ({
    dimensions: 2,
    blocks: async function* (): AsyncGenerator<Numbers, void, undefined> {
      for (const block of blocks) yield await Promise.resolve(block);
    },
  });
  const all = async (values: AsyncIterable<Numbers>): Promise<number[]> => {
    const found: number[] = [];
    for await (const block of values) found.push(...block);
    return found;
  };

  it('takes vectors as float32', async () => {
    expect(await all(vectorsOf(file, reader(Float64Array.of(0.1, 1), Uint8Array.of(2, 3))))).toEqual([
      Math.fround(0.1),
      1,
      2,
      3,
    ]);
  });

  it.each<[Numbers[], RegExp]>([
    [[Float32Array.of(1, 2), Float32Array.of(1, 2, 3, NaN)], /^row 2, dimension 1 is NaN; expected a finite number/],
    [[Float64Array.of(-Infinity, 2)], /^row 0, dimension 0 is -Infinity/],
    [[Float64Array.of(1, 1e39)], /^row 0, dimension 1 is 1e\+39, which does not fit into float32/],
  ])('refuses what no vector has: %j', async (blocks, message) => {
    await expect(all(vectorsOf(file, reader(...blocks)))).rejects.toThrow(message);
  });

  it('takes whole numbers of 32 bits as neighbours, whatever they are written as', async () => {
    expect(await all(neighboursOf(file, reader(Int32Array.of(1, -2), Float64Array.of(3, 2 ** 31 - 1))))).toEqual([
      1, -2, 3, 2147483647,
    ]);
    for (const [value, shown] of [
      [0.5, '0.5'],
      [2 ** 31, '2147483648'],
      [NaN, 'NaN'],
    ] as const) {
      await expect(all(neighboursOf(file, reader(Float64Array.of(0, value))))).rejects.toThrow(
        `row 0, place 1 is ${shown}; expected the number of a base row`,
      );
    }
  });
});

describe('numbers', () => {
  it('of sizes nobody has are not known', () => {
    const bytes = Buffer.from(new ArrayBuffer(12));
    expect(() => decodeNumbers(bytes, { kind: 'float', bytes: 3, littleEndian: true })).toThrow(RangeError);
    expect(() => decodeNumbers(bytes, { kind: 'int', bytes: 16, littleEndian: true })).toThrow(RangeError);
  });

  it('may begin anywhere in a buffer', () => {
    const bytes = Buffer.from(Uint8Array.of(9, 0, 0, 128, 63, 0, 0, 0, 64).buffer).subarray(1) as Buffer<ArrayBuffer>;
    expect([...decodeNumbers(bytes, { kind: 'float', bytes: 4, littleEndian: true })]).toEqual([1, 2]);
  });
});

/** Parquet's hybrid, written plainly: runs, or groups of eight. */
function encode(values: readonly number[], bits: number, packed: boolean): Uint8Array {
  const out: number[] = [];
  const varint = (value: number): void => {
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      out.push(rest < 128 ? rest : (rest % 128) + 128);
      if (rest < 128) return;
    }
  };
  if (packed) {
    const groups = Math.ceil(values.length / 8);
    varint(groups * 2 + 1);
    const all = Array.from({ length: groups * 8 }, (_, i) => BigInt(values[i] ?? 0));
    let whole = all.reduce((sum, value, i) => sum | (value << BigInt(i * bits)), 0n);
    for (let i = 0; i < groups * bits; i += 1, whole >>= 8n) out.push(Number(whole & 0xffn));
    return Uint8Array.from(out);
  }
  for (const value of values) {
    varint(2);
    for (let i = 0, rest = value; i < Math.ceil(bits / 8); i += 1, rest = Math.floor(rest / 256)) out.push(rest % 256);
  }
  return Uint8Array.from(out);
}

describe('runs and packed bits', () => {
  it('are read as they were written, of every width', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32 }).chain((bits) =>
          fc.record({
            bits: fc.constant(bits),
            values: fc.array(fc.nat(2 ** bits - 1 > 2 ** 31 ? 2 ** 31 - 1 : 2 ** bits - 1), { minLength: 1 }),
            packed: fc.boolean(),
          }),
        ),
        ({ bits, values, packed }) => {
          expect([...hybrid(encode(values, bits, packed), bits, values.length)]).toEqual(values);
        },
      ),
    );
  });

  it('never become more than there should be', () => {
    // A run of 2²⁷ and one of 2²⁷ groups, of a few bytes each.
    expect([...hybrid(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x01, 1), 1, 3)]).toEqual([1, 1, 1]);
    expect(hybrid(Uint8Array.of(0x81, 0x80, 0x80, 0x80, 0x01, 5), 1, 3)).toEqual(Uint8Array.of(1, 0, 1));
  });

  it.each([
    ['end early', [2], 1],
    ['have no run', [], 1],
    ['have an empty run', [0, 1], 1],
    ['have a run of impossible length', [0xff, 0xff, 0xff, 0xff, 0xff, 1], 1],
    ['are too wide', [2, 1], 33],
  ])('are refused when they %s', (_, bytes, bits) => {
    expect(() => hybrid(Uint8Array.from(bytes), bits, 3)).toThrow(RangeError);
  });
});
