import { JobError } from '../job-error.ts';
import { Random } from '../random.ts';
import { collectionPath, type Rest } from '../rest.ts';
import { DEFAULT_RETRY, withRetry } from './retry.ts';
import { RowSet, type RowRange } from './row-ranges.ts';
import type { UploadSource } from './upload-source.ts';

export interface ResumeOptions {
  collection: string;
  signal?: AbortSignal;
  onProgress?: (seen: number) => void;
}

/** Ids asked for at once. */
const PAGE = 10_000;
/** Points whose vectors are compared. */
const COMPARED = 24;
/** How far, relative to its length, a stored vector may be from ours: float16, and float32 of another build. */
const TOLERANCE = 0.02;

/**
 * Which rows a collection lacks, by the ids it has, counted one by one.
 * @throws {JobError} DatasetInvalid: it has points that are no rows of this file, or with other vectors.
 */
export async function missingRows(
  rest: Rest,
  source: UploadSource,
  options: ResumeOptions,
): Promise<{ present: number; ranges: RowRange[] }> {
  const path = `${collectionPath(options.collection)}/points`;
  const signal = options.signal ? { signal: options.signal } : {};
  const seen = new RowSet(source.points);
  const sample = new Random(source.points, 5);
  const compared: number[] = [];
  let offset: unknown = undefined;
  for (;;) {
    const body = JSON.stringify({
      limit: PAGE,
      with_payload: false,
      with_vector: false,
      ...(offset === undefined ? {} : { offset }),
    });
    const call = () =>
      rest.call<{ points: { id: unknown }[]; next_page_offset?: unknown }>('POST', `${path}/scroll`, {
        body,
        ...signal,
      });
    const page = await withRetry(call, { ...DEFAULT_RETRY, ...signal });
    for (const { id } of page.points) {
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= source.points) {
        throw new JobError(
          'DatasetInvalid',
          `collection ${options.collection} holds point ${JSON.stringify(id).slice(0, 60)}, which is no row of this file ` +
            `(0 to ${source.points - 1}): it was not filled from it`,
        );
      }
      seen.add(id);
      // A uniform sample of all that go by (reservoir sampling: Vitter 1985, algorithm R).
      const place = seen.size <= COMPARED ? seen.size - 1 : sample.below(seen.size);
      if (place < COMPARED) compared[place] = id;
    }
    options.onProgress?.(seen.size);
    offset = page.next_page_offset ?? undefined;
    if (offset === undefined) break;
  }
  if (compared.length > 0) await compare(rest, source, options, compared);
  return { present: seen.size, ranges: seen.missing() };
}

/** The vectors of some points must be the file's. */
async function compare(
  rest: Rest,
  source: UploadSource,
  options: ResumeOptions,
  ids: readonly number[],
): Promise<void> {
  const body = JSON.stringify({ ids, with_payload: false, with_vector: true });
  const signal = options.signal ? { signal: options.signal } : {};
  const path = `${collectionPath(options.collection)}/points`;
  const call = () => rest.call<{ id: number; vector?: unknown }[]>('POST', path, { body, ...signal });
  const points = await withRetry(call, { ...DEFAULT_RETRY, ...signal });
  // In the file's order, which is how it can be read.
  for (const { id, vector } of points.toSorted((a, b) => a.id - b.id)) {
    const wanted = await source.rows(id, 1);
    const why = Array.isArray(vector) ? difference(vector as number[], wanted) : 'has no plain vector';
    if (why === undefined) continue;
    throw new JobError(
      'DatasetInvalid',
      `collection ${options.collection}: point ${id} ${why}, so it was not filled from this file: ` +
        `give the file it was begun with, or begin anew`,
    );
  }
}

/** What is different about two vectors up to their length, which Cosine does not keep; undefined: nothing. */
function difference(stored: readonly number[], wanted: Float32Array): string | undefined {
  if (stored.length !== wanted.length) return `has ${stored.length} dimensions instead of ${wanted.length}`;
  const length = (values: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < values.length; i += 1) sum += (values[i] as number) ** 2;
    return Math.sqrt(sum) || 1;
  };
  const [a, b] = [length(stored), length(wanted)];
  let apart = 0;
  for (let i = 0; i < stored.length; i += 1) apart += ((stored[i] as number) / a - (wanted[i] as number) / b) ** 2;
  return Math.sqrt(apart) > TOLERANCE ? 'has another vector than that row' : undefined;
}
