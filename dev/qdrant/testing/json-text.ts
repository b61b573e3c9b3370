/** JSON values, as far as tests take them apart. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Writes a space after every comma and colon outside strings, as the recorder of the golden answers sent its bodies. */
export function spaced(json: string): string {
  let inString = false;
  let out = '';
  for (let i = 0; i < json.length; i += 1) {
    const char = json.charAt(i);
    out += char;
    if (inString) {
      if (char === '\\') {
        i += 1;
        out += json.charAt(i);
      } else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === ',' || char === ':') out += ' ';
  }
  return out;
}

/** The value at `path`; undefined when there is none. */
export function at(value: Json | undefined, path: readonly (string | number)[]): Json | undefined {
  let found: Json | undefined = value;
  for (const step of path) {
    if (Array.isArray(found)) found = found[Number(step)];
    else if (typeof found === 'object' && found !== null) found = Object.hasOwn(found, step) ? found[step] : undefined;
    else return undefined;
  }
  return found;
}

/** A copy of `value` with `leaf` at `path`, making the objects on the way. */
export function put(value: Json, path: readonly string[], leaf: Json): Json {
  const [first, ...rest] = path;
  if (first === undefined) return leaf;
  const object = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  return { ...object, [first]: put(object[first] ?? {}, rest, leaf) };
}
