import type { Metric } from '../judge/metrics.ts';

/** What was to be written is not fit to be kept: a fault of the caller, never of the store. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

/** Bytes of JSON text a body may have, by what it is. */
export const MAX_BYTES = {
  spec: 1 << 20,
  status: 1 << 20,
  applied: 256 << 10,
  build: 64 << 10,
  metrics: 64 << 10,
  search: 256 << 10,
  proposals: 1 << 20,
  series: 4 << 10,
} as const;

/** Characters of a name, id, key or url. */
const MAX_NAME = 1024;
/** Characters of a sentence for people; the rest is cut. */
const MAX_MESSAGE = 8 << 10;
/** Levels of nesting, so that no reader of the JSON overflows its stack. */
const MAX_DEPTH = 64;

/**
 * JSON text of a value, as Postgres accepts it: U+0000 and lone surrogates, which its text cannot hold, become U+FFFD.
 *
 * @param field names the value in an error
 * @throws RecordError for NaN, Infinity, bigint, what is nested too deeply and what is longer than `MAX_BYTES`
 */
export function storable(field: keyof typeof MAX_BYTES, value: unknown): string {
  const text = JSON.stringify(plain(field, value ?? null, 0));
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES[field]) {
    throw new RecordError(`${field}: ${String(bytes)} bytes of JSON, expected at most ${String(MAX_BYTES[field])}`);
  }
  return text;
}

/** Metrics without the values that are not finite: they were not measured, and an absent metric says so. */
export function finiteMetrics(metrics: readonly Metric[]): Metric[] {
  return metrics
    .filter((metric) => Number.isFinite(metric.value))
    .map(({ low, high, ...metric }) => ({
      ...metric,
      ...(low !== undefined && Number.isFinite(low) ? { low } : {}),
      ...(high !== undefined && Number.isFinite(high) ? { high } : {}),
    }));
}

/** @throws RecordError for an empty or overlong name or one Postgres's text cannot hold */
export function storableName(field: string, value: string): string {
  if (value.length === 0 || value.length > MAX_NAME) {
    throw new RecordError(`${field}: ${String(value.length)} characters, expected 1 to ${String(MAX_NAME)}`);
  }
  if (storableText(value) !== value) throw new RecordError(`${field}: holds U+0000 or half a surrogate pair`);
  return value;
}

/** A sentence, cut to a bounded length. */
export function storableMessage(value: string): string {
  const text = storableText(value);
  return text.length <= MAX_MESSAGE ? text : storableText(`${text.slice(0, MAX_MESSAGE - 1)}…`);
}

/**
 * An instant as ISO 8601, UTC, milliseconds.
 *
 * @throws RecordError for what is none, or not of the years 1970 to 9999
 */
export function storableInstant(field: string, value: string): string {
  const milliseconds = Date.parse(value);
  if (!(milliseconds >= 0 && milliseconds < Date.UTC(10_000, 0))) {
    throw new RecordError(`${field}: ${JSON.stringify(value.slice(0, 40))} is not an ISO 8601 instant since 1970`);
  }
  return new Date(milliseconds).toISOString();
}

/** @throws RecordError for what is not a whole number from `min` to 2^31 - 1 */
export function storableCount(field: string, value: number, min = 0): number {
  if (!Number.isInteger(value) || value < min || value > 0x7fff_ffff) {
    throw new RecordError(`${field}: ${String(value)}, expected a whole number from ${String(min)} to 2147483647`);
  }
  return value;
}

function storableText(value: string): string {
  return value.toWellFormed().replaceAll('\0', '\uFFFD');
}

function plain(path: string, value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new RecordError(`${path}: nested more than ${String(MAX_DEPTH)} levels deep`);
  switch (typeof value) {
    case 'string':
      return storableText(value);
    case 'number':
      if (!Number.isFinite(value)) throw new RecordError(`${path}: ${String(value)} is not a finite number`);
      return value;
    case 'bigint':
    case 'function':
    case 'symbol':
      throw new RecordError(`${path}: a ${typeof value} is not JSON`);
    case 'object': {
      if (value === null) return null;
      if (value instanceof Date) return value.toISOString();
      if (Array.isArray(value)) {
        return value.map((item, index) => plain(`${path}[${String(index)}]`, item ?? null, depth + 1));
      }
      const entries = Object.entries(value).filter(([, item]) => item !== undefined);
      return Object.fromEntries(
        entries.map(([key, item]) => [storableText(key), plain(`${path}.${key}`, item, depth + 1)]),
      );
    }
    default:
      return value;
  }
}
