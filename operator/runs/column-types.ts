/** Postgres's type numbers, as in its catalogue `pg_type`. */
const INT8 = 20;
const JSON_TEXT = 114;
const JSONB = 3802;
const TIMESTAMPTZ = 1184;

type Parser = (text: string) => unknown;

/**
 * How values arrive from the database, the same from both drivers: 64-bit integers (counts too) as numbers, JSON as
 * values, instants as ISO 8601 in UTC with milliseconds.
 */
export const PARSERS: Readonly<Record<number, Parser>> = {
  [INT8]: parseInteger,
  [JSON_TEXT]: (text) => JSON.parse(text) as unknown,
  [JSONB]: (text) => JSON.parse(text) as unknown,
  [TIMESTAMPTZ]: parseInstant,
};

/** @throws RangeError when the number does not fit a double exactly */
export function parseInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is beyond 2^53`);
  return value;
}

/**
 * Postgres's ISO output (`2026-11-21 09:57:00.123+00`, offsets also as `+05:30` or `+05:30:15`) as a UTC instant.
 *
 * @throws RangeError for anything else, so also for `infinity` and years before Christ
 */
export function parseInstant(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/.exec(text);
  if (match === null) throw new RangeError(`not an instant: ${text}`);
  const [, date, time, sign, hours, minutes = '0', seconds = '0'] = match;
  const offset = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  const local = Date.parse(`${String(date)}T${String(time)}Z`);
  return new Date(local - (sign === '-' ? -offset : offset) * 1000).toISOString();
}
