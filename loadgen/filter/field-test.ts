import { compareMoments, parseMoment, type Moment } from '../../crds/filter/datetime.ts';
import { geoPoint, haversine, inBox, inPolygon, numberOf, type GeoPoint } from './geo.ts';
import { textTokens } from './text.ts';

/** A field condition's test: of one value found at its key, and the answer where there is none. */
export interface ValueTest {
  holds: (value: unknown) => boolean;
  ifMissing: boolean;
}

type Test = (value: unknown) => boolean;
interface Bounds<T> {
  lt?: T;
  gt?: T;
  lte?: T;
  gte?: T;
}

/** The test in a field condition, which has exactly one. */
export function fieldTest(body: Record<string, unknown>): ValueTest {
  if ('values_count' in body) {
    const within = bounded(body['values_count'] as Bounds<number>, (a, b) => a - b);
    return { holds: (value) => within(countOf(value)), ifMissing: within(0) };
  }
  if ('is_empty' in body) {
    const wanted = body['is_empty'] as boolean;
    return {
      holds: (value) => (value === null || (Array.isArray(value) && value.length === 0)) === wanted,
      ifMissing: wanted,
    };
  }
  if ('is_null' in body) {
    const wanted = body['is_null'] as boolean;
    return {
      holds: (value) => (value === null || (Array.isArray(value) && value.includes(null))) === wanted,
      ifMissing: !wanted,
    };
  }
  // The elements of an array are looked at one by one, those of an array inside it are not.
  const one = scalarTest(body);
  return { holds: (value) => (Array.isArray(value) ? value.some(one) : one(value)), ifMissing: false };
}

function countOf(value: unknown): number {
  if (value === null) return 0;
  return Array.isArray(value) ? value.length : 1;
}

function scalarTest(body: Record<string, unknown>): Test {
  if ('match' in body) return matchTest(body['match'] as Record<string, unknown>);
  if ('range' in body) return rangeTest(body['range'] as Bounds<number | string>);
  if ('geo_radius' in body) {
    const { center, radius } = body['geo_radius'] as { center: GeoPoint; radius: number };
    return geo((point) => haversine(center, point) < radius);
  }
  if ('geo_bounding_box' in body) {
    const box = body['geo_bounding_box'] as { top_left: GeoPoint; bottom_right: GeoPoint };
    return geo((point) => inBox(point, box.top_left, box.bottom_right));
  }
  const polygon = body['geo_polygon'] as { exterior: Ring; interiors?: Ring[] };
  const interiors = (polygon.interiors ?? []).map(({ points }) => points);
  return geo((point) => inPolygon(point, polygon.exterior.points, interiors));
}

interface Ring {
  points: GeoPoint[];
}

function geo(holds: (point: GeoPoint) => boolean): Test {
  return (value) => {
    const point = geoPoint(value);
    return point !== undefined && holds(point);
  };
}

function matchTest(match: Record<string, unknown>): Test {
  if ('value' in match) {
    const wanted = match['value'];
    return (value) => value === wanted;
  }
  if ('any' in match) {
    const wanted = new Set(match['any'] as unknown[]);
    return (value) => wanted.has(value);
  }
  if ('except' in match) {
    const unwanted = new Set(match['except'] as unknown[]);
    return (value) => value !== null && !unwanted.has(value);
  }
  const all = 'text' in match;
  const wanted = textTokens((match['text'] ?? match['text_any']) as string);
  if (wanted.length === 0) return () => false;
  return (value) => {
    if (typeof value !== 'string') return false;
    const tokens = new Set(textTokens(value));
    return all ? wanted.every((token) => tokens.has(token)) : wanted.some((token) => tokens.has(token));
  };
}

function rangeTest(bounds: Bounds<number | string>): Test {
  if (Object.values(bounds).some((bound) => typeof bound === 'string')) {
    const moments = Object.fromEntries(
      Object.entries(bounds).map(([name, text]) => [name, parseMoment(text as string) as Moment]),
    );
    const within = bounded<Moment>(moments, compareMoments);
    return (value) => {
      const moment = typeof value === 'string' ? parseMoment(value) : undefined;
      return moment !== undefined && within(moment);
    };
  }
  const within = bounded(bounds as Bounds<number>, (a, b) => a - b);
  return (value) => {
    const number = numberOf(value);
    return number !== undefined && within(number);
  };
}

function bounded<T>({ lt, gt, lte, gte }: Bounds<T>, compare: (a: T, b: T) => number): (value: T) => boolean {
  return (value) =>
    (lt === undefined || compare(value, lt) < 0) &&
    (gt === undefined || compare(value, gt) > 0) &&
    (lte === undefined || compare(value, lte) <= 0) &&
    (gte === undefined || compare(value, gte) >= 0);
}
