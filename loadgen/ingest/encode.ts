const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i);
const ZERO = 48;
const MINUS = 45;
const DOT = 46;

/** The longest text `writeFloat` produces. */
export const MAX_FLOAT_BYTES = 24;

/**
 * Writes a finite float32 as a JSON number with at most nine significant digits, which is enough to get the same
 * float32 back (IEEE 754, 5.12.2), and half as long as the shortest text of the same value as a float64.
 * @returns the position after the text.
 */
export function writeFloat(value: number, buffer: Buffer, position: number): number {
  let at = position;
  let x = value;
  if (x < 0) {
    buffer[at] = MINUS;
    at += 1;
    x = -x;
  }
  if (x < 1_000_000_000 && Math.floor(x) === x) return writeInteger(x, buffer, at);
  if (x < 1e-5 || x >= 1e9) return at + buffer.write(Number(x.toPrecision(9)).toString(), at, 'latin1');

  // Nine significant digits as one integer: x × 10^decimals, where decimals depends on the magnitude.
  let decimals = 8;
  if (x >= 10) {
    while (decimals > 0 && x >= (POWERS[9 - decimals] as number)) decimals -= 1;
  } else {
    while (x * (POWERS[decimals] as number) < 100_000_000) decimals += 1;
  }
  let digits = Math.round(x * (POWERS[decimals] as number));
  while (decimals > 0 && digits % 10 === 0) {
    digits /= 10;
    decimals -= 1;
  }
  const scale = POWERS[decimals] as number;
  const whole = Math.floor(digits / scale);
  at = writeInteger(whole, buffer, at);
  let fraction = digits - whole * scale;
  if (decimals === 0) return at;
  buffer[at] = DOT;
  for (let place = at + decimals; place > at; place -= 1) {
    // Below 10⁹, so that 32-bit integer division does.
    const rest = (fraction / 10) | 0;
    buffer[place] = ZERO + (fraction - rest * 10);
    fraction = rest;
  }
  return at + decimals + 1;
}

function writeInteger(value: number, buffer: Buffer, position: number): number {
  let length = 1;
  while (value >= (POWERS[length] as number)) length += 1;
  let rest = value;
  for (let place = position + length - 1; place >= position; place -= 1) {
    const next = (rest / 10) | 0;
    buffer[place] = ZERO + (rest - next * 10);
    rest = next;
  }
  return position + length;
}

/** Writes `[a,b,…]`. */
export function writeVector(
  values: Float32Array,
  from: number,
  dimensions: number,
  buffer: Buffer,
  position: number,
): number {
  let at = position;
  buffer[at] = 0x5b;
  at += 1;
  for (let d = 0; d < dimensions; d += 1) {
    if (d > 0) {
      buffer[at] = 0x2c;
      at += 1;
    }
    at = writeFloat(values[from + d] as number, buffer, at);
  }
  buffer[at] = 0x5d;
  return at + 1;
}

/** Bytes that surely hold one vector's text. */
export function vectorBytes(dimensions: number): number {
  return dimensions * (MAX_FLOAT_BYTES + 1) + 2;
}

/**
 * The body of an upsert of `rows` vectors whose ids are `firstRow`, `firstRow` + 1, …
 * @param payloads each row's payload as JSON text, put in as it is; undefined: none.
 */
export function upsertBody(
  values: Float32Array,
  firstRow: number,
  rows: number,
  dimensions: number,
  scratch: Buffer,
  payloads?: readonly (string | undefined)[],
): Buffer {
  let at = scratch.write('{"batch":{"ids":[', 0, 'latin1');
  for (let row = 0; row < rows; row += 1) {
    if (row > 0) {
      scratch[at] = 0x2c;
      at += 1;
    }
    at = writeInteger(firstRow + row, scratch, at);
  }
  at += scratch.write('],"vectors":[', at, 'latin1');
  for (let row = 0; row < rows; row += 1) {
    if (row > 0) {
      scratch[at] = 0x2c;
      at += 1;
    }
    at = writeVector(values, row * dimensions, dimensions, scratch, at);
  }
  if (payloads?.some((payload) => payload !== undefined)) {
    // Its length is not known before, unlike that of vectors: it does not go through the scratch.
    const texts = Buffer.from(payloads.map((payload) => payload ?? 'null').join(','));
    at += scratch.write('],"payloads":[', at, 'latin1');
    return Buffer.concat([scratch.subarray(0, at), texts, Buffer.from(']}}')]);
  }
  at += scratch.write(']}}', at, 'latin1');
  return Buffer.from(scratch.subarray(0, at));
}

/** Bytes that surely hold the body of `rows` vectors whose payloads have at most `payloadBytes` each. */
export function upsertBytes(rows: number, dimensions: number, payloadBytes = 0): number {
  return 96 + rows * (16 + vectorBytes(dimensions) + payloadBytes + 4);
}
