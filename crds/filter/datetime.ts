const DATE = String.raw`(\d{4})-(\d{1,2})-(\d{1,2})`;
const TIME = String.raw`(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?`;
const ZONE = String.raw`[Zz]|[Uu][Tt][Cc]|([+-])(\d{2})(?::?(\d{2}))?`;
const PATTERN = new RegExp(String.raw`^${DATE}(?:[Tt ]${TIME}(?:\s*(${ZONE}))?)?$`);

/** A moment with Qdrant's precision: whole seconds since 1970 UTC, and microseconds. */
export interface Moment {
  seconds: number;
  micros: number;
}

/**
 * A moment in one of the forms Qdrant takes: RFC 3339, a space for the T, an offset without a colon or without minutes;
 * without an offset, UTC; and then also without seconds, or a date alone. Fractions are cut at microseconds. Undefined
 * where it is none.
 */
export function parseMoment(text: string): Moment | undefined {
  const found = PATTERN.exec(text);
  if (!found) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second, fraction = '', zone, sign, offsetHour, offsetMinute] =
    found;
  // Without seconds there is no offset either.
  if (zone !== undefined && second === undefined) return undefined;
  const [m, d, h, min, s] = [month, day, hour, minute, second ?? '0'].map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [oh, om] = [Number(offsetHour ?? 0), Number(offsetMinute ?? 0)];
  const date = new Date(0);
  date.setUTCFullYear(Number(year), m - 1, d);
  if (date.getUTCMonth() !== m - 1 || date.getUTCDate() !== d) return undefined;
  if (h > 23 || min > 59 || s > 59 || oh > 23 || om > 59) return undefined;
  const offset = (sign === '-' ? -60 : 60) * (oh * 60 + om);
  return {
    seconds: date.getTime() / 1000 + h * 3600 + min * 60 + s - offset,
    micros: Number(fraction.slice(0, 6).padEnd(6, '0')),
  };
}

/** Below, at or above 0 as `a` is before, at or after `b`. */
export function compareMoments(a: Moment, b: Moment): number {
  return a.seconds - b.seconds || a.micros - b.micros;
}
