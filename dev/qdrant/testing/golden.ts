import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at, type Json, spaced } from './json-text.ts';

/** One line of the recording: a request with the real server's answer, or a wait for green. */
export type GoldenStep =
  | { kind: 'wait'; path: string }
  | {
      kind: 'request';
      /** The line's number, from 0. */
      index: number;
      method: string;
      path: string;
      body: string | undefined;
      answer: { status: number; contentType: string | null; body: Json };
    };

/** Where the recorded answers lie; they are not part of the project. */
export function goldenFile(): string {
  const data = process.env['QDRANT_BENCH_DATA'] ?? join(import.meta.dirname, '../../../../shared/data');
  return join(data, 'qdrant-golden', 'golden-1.19.0.jsonl');
}

export function readGolden(file: string): GoldenStep[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line, index) => {
    const value = JSON.parse(line) as Json;
    const wait = at(value, ['wait_green']);
    if (typeof wait === 'string') return { kind: 'wait', path: wait };
    return {
      kind: 'request',
      index,
      method: at(value, ['request', 'method']) as string,
      path: at(value, ['request', 'path']) as string,
      body: requestBody(line, value),
      answer: at(value, ['answer']) as { status: number; contentType: string | null; body: Json },
    };
  });
}

/** The body's own characters: parsing and printing would turn `1.0` into `1` and move the columns of error messages. */
function requestBody(line: string, value: Json): string | undefined {
  const raw = at(value, ['request', 'rawBody']);
  if (typeof raw === 'string') return raw;
  const start = line.indexOf(',"body":');
  const end = line.indexOf('},"answer":');
  return start < 0 || start > end ? undefined : spaced(line.slice(start + ',"body":'.length, end));
}

export type Difference = { path: string; expected: Json | undefined; actual: Json | undefined };

/** Numbers equal to within what the recording allows. */
const scoreTolerance = 1e-5;

/** Values that differ from run to run: the recording's README names them. */
const variable =
  /(^|\.)(time|usage|commit|uuid|startup|started_at|finished_at|start_at|end_at|last_responded|duration_sec|init_time_ms|(avg|min|max|total)_duration_micros)$/;

/** How `actual` differs from `expected`, ignoring what varies from run to run. */
export function differences(expected: Json | undefined, actual: Json | undefined, path = ''): Difference[] {
  if (variable.test(path) && typeof expected === typeof actual) return [];
  if (typeof expected === 'number' && typeof actual === 'number' && Math.abs(expected - actual) <= scoreTolerance) {
    return [];
  }
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const [left, right] = [byScore(expected), byScore(actual)];
    const length = Math.max(left.length, right.length);
    return Array.from({ length }, (_, i) => differences(left[i], right[i], `${path}[${i}]`)).flat();
  }
  if (isObject(expected) && isObject(actual)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    return [...keys].flatMap((key) => differences(expected[key], actual[key], path === '' ? key : `${path}.${key}`));
  }
  return expected === actual ? [] : [{ path, expected, actual }];
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Hits of one score may come in any order: sort those by id. */
function byScore(list: Json[]): Json[] {
  const score = (entry: Json): number | undefined => {
    const value = isObject(entry) ? entry['score'] : undefined;
    return typeof value === 'number' ? value : undefined;
  };
  if (list.some((entry) => score(entry) === undefined)) return list;
  return list.toSorted((a, b) => {
    const gap = (score(b) ?? 0) - (score(a) ?? 0);
    if (Math.abs(gap) > scoreTolerance) return gap;
    return JSON.stringify(at(a, ['id'])).localeCompare(JSON.stringify(at(b, ['id'])));
  });
}

/** A known difference, why it is there, and (`renumbered`) what still has to hold. */
export type GoldenException = {
  requests: number[] | 'all';
  path: string;
  renumbered?: true;
  /** Differs or not as the timing falls. */
  byChance?: true;
  reason: string;
};

/** Whether the exception speaks of this difference. `*` in its path stands for anything but dots and brackets, `**` for anything. */
export function covers(exception: GoldenException, index: number, path: string): boolean {
  if (exception.requests !== 'all' && !exception.requests.includes(index)) return false;
  const pattern = exception.path
    .split('**')
    .map((part) =>
      part
        .split('*')
        .map((text) => RegExp.escape(text))
        .join('[^.[\\]]*'),
    )
    .join('.*');
  return new RegExp(`^${pattern}$`).test(path);
}

/** Whether one increasing renumbering explains all pairs. */
export function isRenumbering(pairs: readonly (readonly [number, number])[]): boolean {
  const sorted = pairs.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
  return sorted.every((pair, i) => {
    const before = sorted[i - 1];
    if (before === undefined) return true;
    return pair[0] === before[0] ? pair[1] === before[1] : pair[1] > before[1];
  });
}
