/** Constructs JavaScript knows and RE2, the API server's regular expressions, refuses. */
const NOT_RE2: readonly [RegExp, string][] = [
  [/\(\?[=!]/, 'a look-ahead'],
  [/\(\?<[=!]/, 'a look-behind'],
  [/\(\?</, 'a named group'],
  [/\\[1-9]/, 'a back-reference'],
  [/\\u/, 'a \\u escape'],
];

/**
 * The source of a pattern as the API server will compile it.
 * @throws {Error} when RE2 would read it differently or not at all: flags, look-around, back-references; or when it is
 * not anchored, since OpenAPI patterns match anywhere in the text.
 */
export function re2Source(pattern: RegExp): string {
  if (pattern.flags) throw new Error(`pattern ${pattern} has flags; OpenAPI patterns have none`);
  const source = pattern.source.replaceAll('\\/', '/');
  const found = NOT_RE2.find(([construct]) => construct.test(source));
  if (found) throw new Error(`pattern ${pattern} uses ${found[1]}; RE2 has none`);
  if (!source.startsWith('^')) throw new Error(`pattern ${pattern} must begin with ^`);
  return source;
}

/** Whether a pattern alone bounds the text's length: anchored at both ends, nothing repeated without a limit. */
export function boundsLength(pattern: RegExp): boolean {
  const { source } = pattern;
  const bare = source.replaceAll(/\\./g, 'x').replaceAll(/\[[^\]]*\]/g, 'x');
  return source.startsWith('^') && source.endsWith('$') && !/[*+|]|\{\d+,\}/.test(bare);
}

/** The same pattern as a CEL literal. Raw, so that no backslash means anything but itself. */
export function celPattern(pattern: RegExp): string {
  const source = re2Source(pattern);
  if (source.includes("'")) throw new Error(`pattern ${pattern} has a '; a raw CEL literal cannot hold one`);
  return `r'${source}'`;
}
