import { closest } from '../closest.ts';
import { fieldPath, type FieldError } from '../field-error.ts';
import { parseMoment } from './datetime.ts';
import { parsePayloadPath } from './payload-path.ts';
import { variableName } from './template.ts';

type Path = readonly PropertyKey[];

/** What is wrong with a filter, and which variables it names, with the first place of each. */
export interface CheckedFilter {
  problems: FieldError[];
  variables: Map<string, string>;
}

const MAX_CONDITIONS = 1000;
const MAX_DEPTH = 16;
/** Values in one list: Qdrant's own filters become slow long before. */
const MAX_VALUES = 10_000;

const CLAUSES = ['must', 'should', 'must_not', 'min_should'];
const TESTS = [
  'match',
  'range',
  'geo_radius',
  'geo_bounding_box',
  'geo_polygon',
  'values_count',
  'is_empty',
  'is_null',
];
const MATCHES = ['value', 'text', 'text_any', 'any', 'except'];
const BOUNDS = ['lt', 'gt', 'lte', 'gte'];

/**
 * Whether Qdrant will take a filter, and whether its exact answer can be computed here. As a template, a text `$name`
 * may stand for any value, but for no key. Pure.
 *
 * Stricter than Qdrant where its engine answers differently with an index and without: a field condition has one test,
 * a range one bound on each side, a list of conditions is not empty. And what Qdrant leaves unread is refused.
 */
export function checkFilter(filter: unknown, path: Path, options: { template: boolean }): CheckedFilter {
  const check = new FilterCheck(options.template);
  check.filter(filter, path, 0, false);
  return { problems: check.problems, variables: check.variables };
}

class FilterCheck {
  readonly problems: FieldError[] = [];
  readonly variables = new Map<string, string>();
  readonly #template: boolean;
  #conditions = 0;

  constructor(template: boolean) {
    this.#template = template;
  }

  filter(value: unknown, path: Path, depth: number, nested: boolean): void {
    if (depth > MAX_DEPTH) return this.#say(path, `filters are nested more than ${MAX_DEPTH} deep; flatten them`);
    const filter = this.#object(value, path, CLAUSES);
    if (!filter) return;
    for (const clause of ['must', 'should', 'must_not']) {
      if (!Object.hasOwn(filter, clause)) continue;
      const conditions = filter[clause];
      if (Array.isArray(conditions)) this.#list(conditions, [...path, clause], depth, nested);
      else this.#condition(conditions, [...path, clause], depth, nested);
    }
    if (!Object.hasOwn(filter, 'min_should')) return;
    const at = [...path, 'min_should'];
    const least = this.#object(filter['min_should'], at, ['conditions', 'min_count']);
    if (!least) return;
    if (Array.isArray(least['conditions'])) this.#list(least['conditions'], [...at, 'conditions'], depth, nested);
    else this.#say([...at, 'conditions'], 'must be a list of conditions');
    this.#value(least['min_count'], [...at, 'min_count'], 'an integer above 0', (n) => isCount(n) && n > 0);
  }

  #list(conditions: readonly unknown[], path: Path, depth: number, nested: boolean): void {
    if (conditions.length === 0) return this.#say(path, 'must have a condition; add one, or remove it');
    conditions.forEach((condition, index) => this.#condition(condition, [...path, index], depth, nested));
  }

  #condition(value: unknown, path: Path, depth: number, nested: boolean): void {
    this.#conditions += 1;
    if (this.#conditions > MAX_CONDITIONS) {
      if (this.#conditions === MAX_CONDITIONS + 1) this.#say(path, `there are more than ${MAX_CONDITIONS} conditions`);
      return;
    }
    if (!isObject(value)) return this.#say(path, 'must be a condition, such as {key: tenant, match: {value: a}}');
    const has = (key: string) => Object.hasOwn(value, key);
    if (has('key')) return this.#field(value, path);
    for (const test of ['is_empty', 'is_null']) {
      if (!has(test)) continue;
      this.#object(value, path, [test]);
      const inner = this.#object(value[test], [...path, test], ['key']);
      if (inner) this.#key(inner['key'], [...path, test, 'key']);
      return;
    }
    if (has('has_id')) {
      this.#object(value, path, ['has_id']);
      if (nested) return this.#say([...path, 'has_id'], 'cannot stand inside nested; move it out');
      const isId = (id: unknown) => isCount(id) || typeof id === 'string';
      return this.#values(value['has_id'], [...path, 'has_id'], 'ids: integers or UUIDs', isId);
    }
    if (has('nested')) {
      this.#object(value, path, ['nested']);
      const inner = this.#object(value['nested'], [...path, 'nested'], ['key', 'filter']);
      if (!inner) return;
      this.#key(inner['key'], [...path, 'nested', 'key']);
      return this.filter(inner['filter'], [...path, 'nested', 'filter'], depth + 1, true);
    }
    for (const later of ['has_vector', 'slice']) {
      if (has(later)) return this.#say([...path, later], 'not supported by this version; leave it out');
    }
    if (Object.keys(value).length === 0) return this.#say(path, 'must have a key and a test, or be a filter');
    this.filter(value, path, depth + 1, nested);
  }

  #field(condition: Record<string, unknown>, path: Path): void {
    this.#object(condition, path, ['key', ...TESTS]);
    this.#key(condition['key'], [...path, 'key']);
    const tests = TESTS.filter((test) => Object.hasOwn(condition, test));
    const [test] = tests;
    if (test === undefined) return this.#say(path, `must have a test: one of ${TESTS.join(', ')}`);
    if (tests.length > 1) {
      return this.#say(path, `has ${tests.join(' and ')}, of which one would be ignored; make a condition of each`);
    }
    const at = [...path, test];
    const value = condition[test];
    switch (test) {
      case 'match':
        return this.#match(value, at);
      case 'range':
        return this.#range(value, at);
      case 'values_count':
        return this.#bounds(value, at, 'an integer of at least 0', isCount);
      case 'geo_radius': {
        const circle = this.#object(value, at, ['center', 'radius']);
        if (!circle) return;
        this.#point(circle['center'], [...at, 'center']);
        return this.#value(circle['radius'], [...at, 'radius'], 'meters, at least 0', (n) => isNumber(n) && n >= 0);
      }
      case 'geo_bounding_box': {
        const box = this.#object(value, at, ['top_left', 'bottom_right']);
        for (const corner of box ? ['top_left', 'bottom_right'] : []) this.#point(box?.[corner], [...at, corner]);
        return;
      }
      case 'geo_polygon':
        return this.#polygon(value, at);
      default:
        return this.#value(value, at, 'true or false', (flag) => typeof flag === 'boolean');
    }
  }

  #match(value: unknown, path: Path): void {
    const match = this.#object(value, path, MATCHES);
    if (!match) return;
    const kinds = MATCHES.filter((kind) => Object.hasOwn(match, kind));
    const [kind] = kinds;
    if (kind === undefined || kinds.length > 1)
      return this.#say(path, `must have exactly one of ${MATCHES.join(', ')}`);
    const at = [...path, kind];
    const isText = (text: unknown) => typeof text === 'string';
    if (kind === 'text' || kind === 'text_any') return this.#value(match[kind], at, 'a text', isText);
    if (kind === 'value') {
      const isScalar = (x: unknown) => isText(x) || Number.isSafeInteger(x) || typeof x === 'boolean';
      return this.#value(match[kind], at, 'a text, an integer, true or false', isScalar);
    }
    const list = match[kind];
    this.#values(list, at, 'texts or integers', (x) => isText(x) || Number.isSafeInteger(x));
    if (Array.isArray(list) && new Set(list.filter((x) => !this.#isVariable(x)).map((x) => typeof x)).size > 1) {
      this.#say(at, 'must be all texts or all integers');
    }
  }

  #range(value: unknown, path: Path): void {
    this.#bounds(value, path, 'a number or a time such as 2024-01-31T12:00:00Z', (x) => {
      return isNumber(x) || (typeof x === 'string' && parseMoment(x) !== undefined);
    });
    const bounds = isObject(value) ? Object.values(value).filter((x) => !this.#isVariable(x)) : [];
    if (new Set(bounds.map((x) => typeof x)).size > 1) this.#say(path, 'mixes numbers and times; use one of them');
  }

  #bounds(value: unknown, path: Path, expected: string, holds: (value: unknown) => boolean): void {
    const bounds = this.#object(value, path, BOUNDS);
    if (!bounds) return;
    const set = BOUNDS.filter((bound) => Object.hasOwn(bounds, bound));
    if (set.length === 0) this.#say(path, `must have one of ${BOUNDS.join(', ')}`);
    for (const [one, two] of [
      ['lt', 'lte'],
      ['gt', 'gte'],
    ] as const) {
      if (set.includes(one) && set.includes(two)) {
        this.#say(path, `has ${one} and ${two}, of which an index looks at one; remove the wider`);
      }
    }
    for (const bound of set) this.#value(bounds[bound], [...path, bound], expected, holds);
  }

  #point(value: unknown, path: Path): void {
    if (this.#take(value, path)) return;
    const point = this.#object(value, path, ['lon', 'lat']);
    if (!point) return;
    const within = (bound: number) => (x: unknown) => isNumber(x) && Math.abs(x) <= bound;
    this.#value(point['lon'], [...path, 'lon'], 'degrees, -180 to 180', within(180));
    this.#value(point['lat'], [...path, 'lat'], 'degrees, -90 to 90', within(90));
  }

  #polygon(value: unknown, path: Path): void {
    const polygon = this.#object(value, path, ['exterior', 'interiors']);
    if (!polygon) return;
    this.#ring(polygon['exterior'], [...path, 'exterior']);
    const interiors = polygon['interiors'] ?? [];
    if (!Array.isArray(interiors)) return this.#say([...path, 'interiors'], 'must be a list of rings');
    interiors.forEach((ring, index) => this.#ring(ring, [...path, 'interiors', index]));
  }

  #ring(value: unknown, path: Path): void {
    if (this.#take(value, path)) return;
    const ring = this.#object(value, path, ['points']);
    if (!ring) return;
    const points = ring['points'];
    if (!Array.isArray(points) || points.length < 4 || points.length > MAX_VALUES) {
      return this.#say([...path, 'points'], `must be 4 to ${MAX_VALUES} points, the last of them the first again`);
    }
    points.forEach((point, index) => this.#point(point, [...path, 'points', index]));
    const ends = [points[0], points.at(-1)].map((end) => JSON.stringify([end?.lon, end?.lat]));
    if (ends[0] !== ends[1]) this.#say([...path, 'points'], 'must end with the point they begin with');
  }

  #key(value: unknown, path: Path): void {
    if (typeof value !== 'string' || value.length > 256 || !parsePayloadPath(value)) {
      this.#say(path, 'must be the path of a payload field, such as tenant, meta.lang or tags[].name');
    }
  }

  #values(value: unknown, path: Path, expected: string, holds: (value: unknown) => boolean): void {
    if (this.#take(value, path)) return;
    if (!Array.isArray(value) || value.length === 0 || value.length > MAX_VALUES) {
      return this.#say(path, `must be a list of 1 to ${MAX_VALUES} ${expected}`);
    }
    value.forEach((item, index) => this.#value(item, [...path, index], `one of the ${expected}`, holds));
  }

  #value(value: unknown, path: Path, expected: string, holds: (value: unknown) => boolean): void {
    if (!this.#take(value, path) && !holds(value)) this.#say(path, `must be ${expected}`);
  }

  #isVariable(value: unknown): boolean {
    return this.#template && typeof value === 'string' && variableName(value) !== undefined;
  }

  /** Whether a value is a variable, which then is noted. */
  #take(value: unknown, path: Path): boolean {
    if (!this.#isVariable(value)) return false;
    const name = variableName(value as string) as string;
    if (!this.variables.has(name)) this.variables.set(name, fieldPath(path));
    return true;
  }

  #object(value: unknown, path: Path, keys: readonly string[]): Record<string, unknown> | undefined {
    if (!isObject(value)) {
      this.#say(path, `must be an object with ${keys.join(', ')}`);
      return undefined;
    }
    for (const key of Object.keys(value)) {
      if (keys.includes(key)) continue;
      const near = closest(key, keys);
      this.#say([...path, key], `unknown field; ${near ? `did you mean "${near}"?` : `known are ${keys.join(', ')}`}`);
    }
    return value;
  }

  #say(path: Path, message: string): void {
    this.problems.push({ field: fieldPath(path), message });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
