import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_FLOAT_BYTES, upsertBody, upsertBytes, writeFloat, writeVector, vectorBytes } from './encode.ts';

function text(value: number): string {
  const buffer = Buffer.alloc(64);
  return buffer.toString('latin1', 0, writeFloat(value, buffer, 0));
}

describe('writeFloat', () => {
  it.each([
    [0, '0'],
    [-0, '0'],
    [17, '17'],
    [-255, '-255'],
    [0.5, '0.5'],
    [Math.fround(0.1), '0.100000001'],
    [Math.fround(-12.3), '-12.3000002'],
    [Math.fround(1e-7), '1.00000001e-7'],
    [Math.fround(3e20), '300000006000000000000'],
    [1_000_000_000, '1000000000'],
    [999_999_936, '999999936'],
  ])('writes %d as %s', (value, expected) => {
    expect(text(value)).toBe(expected);
  });

  it('writes JSON numbers that give the same float32 back, with at most nine digits', () => {
    const value = fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      fc.float({ min: -4, max: 4, noNaN: true }),
    );
    fc.assert(
      fc.property(value, (x) => {
        const written = text(x);
        expect(Math.fround(JSON.parse(written) as number)).toBe(x === 0 ? 0 : x);
        expect(written.length).toBeLessThanOrEqual(MAX_FLOAT_BYTES);
        const mantissa = (written.split('e')[0] as string).replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '');
        expect(mantissa.length).toBeLessThanOrEqual(9);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('bodies', () => {
  it('writes a vector at a position', () => {
    const buffer = Buffer.alloc(vectorBytes(3) + 1);
    const end = writeVector(Float32Array.of(9, 1, 0.5, -2), 1, 3, buffer, 1);
    expect(buffer.toString('latin1', 1, end)).toBe('[1,0.5,-2]');
  });

  it('puts payloads in as they are written, and surely fits them', () => {
    const payload = fc.option(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), { nil: undefined });
    fc.assert(
      fc.property(fc.array(payload, { minLength: 1, maxLength: 5 }), (payloads) => {
        const texts = payloads.map((value) => (value === undefined ? undefined : JSON.stringify(value)));
        const values = new Float32Array(payloads.length * 2).fill(0.1);
        const body = upsertBody(values, 0, payloads.length, 2, Buffer.alloc(upsertBytes(payloads.length, 2)), texts);
        const written = JSON.parse(body.toString()) as { batch: { payloads?: unknown[] } };
        const some = texts.some((text) => text !== undefined);
        expect(written.batch.payloads).toEqual(some ? texts.map((text) => JSON.parse(text ?? 'null')) : undefined);
        const longest = Math.max(0, ...texts.map((text) => Buffer.byteLength(text ?? '')));
        expect(body.length).toBeLessThanOrEqual(upsertBytes(payloads.length, 2, longest));
      }),
    );
    const body = upsertBody(Float32Array.of(1), 3, 1, 1, Buffer.alloc(200), ['{"a":1.0, "b":9007199254740993}']);
    expect(body.toString()).toBe('{"batch":{"ids":[3],"vectors":[[1]],"payloads":[{"a":1.0, "b":9007199254740993}]}}');
  });

  it('writes an upsert whose ids are row numbers', () => {
    const scratch = Buffer.alloc(upsertBytes(2, 2));
    const body = upsertBody(Float32Array.of(1, 2, 3, 4.5), 7, 2, 2, scratch);
    expect(JSON.parse(body.toString())).toEqual({
      batch: {
        ids: [7, 8],
        vectors: [
          [1, 2],
          [3, 4.5],
        ],
      },
    });
  });
});
