import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * The JSON merge patch (RFC 7396) that makes `to` of `from`: null where a field goes, lists whole. undefined when they
 * are equal. `to` holds no nulls, which a merge patch could not express.
 */
export function mergePatch(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return isDeepStrictEqual(from, to) ? undefined : to;
  const patch: Json = {};
  for (const name of Object.keys(from)) if (to[name] === undefined) patch[name] = null;
  for (const [name, value] of Object.entries(to)) {
    if (value === undefined) continue;
    // Over something that is no object, an object is laid whole.
    const change = mergePatch(from[name], value);
    if (change !== undefined) patch[name] = change;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}
