import { UsageError } from './arguments.ts';

const PATH = /^[A-Za-z_][A-Za-z0-9_]{0,63}(\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,7}$/;

/**
 * `quantization.rescore=true` and the like as one object. A value is what JSON takes it for: a number, true, false, null,
 * an object or a list; anything else is text.
 * @param into what is set upon; not changed.
 * @throws {UsageError} naming the flag: no `path=value`, a path twice or within another.
 */
export function nestedValues(
  flag: string,
  texts: readonly string[],
  into: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const object = structuredClone(into) as Record<string, unknown>;
  const seen = new Set<string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const path = text.slice(0, Math.max(0, equals));
    if (!PATH.test(path) || /(^|\.)(__proto__|constructor|prototype)(\.|$)/.test(path)) {
      throw new UsageError(
        `--${flag}: "${text}" is not of the form path=value, such as hnsw_ef=64 or quantization.rescore=true`,
      );
    }
    const clash = [...seen].find(
      (other) => other === path || other.startsWith(`${path}.`) || path.startsWith(`${other}.`),
    );
    if (clash !== undefined)
      throw new UsageError(`--${flag}: "${text}" contradicts ${clash}, which was given before; give one of them`);
    seen.add(path);
    const keys = path.split('.');
    const last = keys.pop() as string;
    let place = object;
    for (const key of keys) {
      const inner = place[key];
      if (typeof inner === 'object' && inner !== null && !Array.isArray(inner))
        place = inner as Record<string, unknown>;
      else place = place[key] = {} as Record<string, unknown>;
    }
    place[last] = valueOf(text.slice(equals + 1));
  }
  return object;
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
