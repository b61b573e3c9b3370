/** Names a request's own machinery sets; one from outside would change where it goes, or where it ends. */
const RESERVED = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'if-range',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const MAX_HEADERS = 32;

/**
 * Reads the headers a Secret holds, one a line as HTTP writes them: `Authorization: Bearer …`. Empty lines do not count.
 * @throws {RangeError} saying which line is wrong, and nothing of what is in it.
 */
export function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const refuse = (why: string) => new RangeError(`line ${index + 1} ${why}`);
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}):[ \t]*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw refuse('is no header: expected NAME: VALUE');
    const key = name.toLowerCase();
    if (RESERVED.has(key)) throw refuse('is a header that is ours to set; leave it out');
    if (!/^[\t\x20-\x7e\x80-\xff]{1,8192}$/.test(value)) {
      throw refuse('has a value of characters HTTP does not take, none, or more than 8192');
    }
    if (Object.hasOwn(headers, key)) throw refuse('is a header that is there already');
    headers[key] = value.trimEnd();
    if (Object.keys(headers).length > MAX_HEADERS) throw refuse(`is header number ${MAX_HEADERS + 1}, too many`);
  }
  if (Object.keys(headers).length === 0) throw new RangeError('there is no header in it: expected NAME: VALUE');
  return headers;
}
