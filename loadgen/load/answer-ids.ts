const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

const BEGIN = '"result":{"points":[';
const FIRST_KEY = '{"id":';

/**
 * Reads point ids of a query's answer whose points carry payloads, as Qdrant prints it: `…"result":{"points":[{"id":…`, a
 * point's id first. What stands inside payloads, `"id":` too, is stepped over: strings at once, the rest by counting
 * brackets. Nothing is built of it, which is what makes it cheap.
 * @returns the number of ids read; undefined where the answer looks any other way and has to be parsed as JSON.
 */
export function scanIds(text: string, ids: Int32Array): number | undefined {
  // Payloads come after it, so that the first one is the answer's own.
  const start = text.indexOf(BEGIN);
  if (start === -1) return undefined;
  let at = start + BEGIN.length;
  if (text.charCodeAt(at) === CLOSE_BRACKET) return 0;
  for (let count = 0; count < ids.length;) {
    if (!text.startsWith(FIRST_KEY, at)) return undefined;
    at += FIRST_KEY.length;
    let id = 0;
    const begin = at;
    for (;;) {
      const digit = text.charCodeAt(at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      id = id * 10 + digit;
      at += 1;
    }
    const next = text.charCodeAt(at);
    if (at === begin || (next !== COMMA && next !== CLOSE_BRACE)) return undefined;
    at = endOfObject(text, at);
    if (at === -1) return undefined;
    ids[count] = id;
    count += 1;
    const after = text.charCodeAt(at);
    if (after === CLOSE_BRACKET) return count;
    if (after !== COMMA) return undefined;
    at += 1;
  }
  return undefined;
}

/** The position after the object that is open at `from`; -1 when it does not end. */
function endOfObject(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      at = endOfString(text, at);
      if (at === -1) return -1;
    } else if (char === OPEN_BRACE || char === OPEN_BRACKET) depth += 1;
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** The position of the quote that ends the string that begins at `from`; -1 without one. */
function endOfString(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at === -1) return -1;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at;
  }
}
