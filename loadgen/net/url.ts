import { plainHost } from './address-rules.ts';
import { NetError } from './net-error.ts';

/** A URL without query, fragment and credentials, which may be secret. */
export function shownUrl(url: string): string {
  return url
    .replace(/[?#].*$/s, '')
    .replace(/\/\/[^/@]*@/, '//')
    .slice(0, 2048);
}

/**
 * Reads a URL that may be fetched: http or https, without credentials. Odd spellings of addresses (`0x7f.1`, a full-width
 * digit) come out in their usual one.
 * @throws {NetError} BadUrl.
 */
export function webUrl(text: string, base?: URL): URL {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch {
    throw new NetError('BadUrl', 'is not a URL; correct it');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new NetError('BadUrl', `has scheme ${url.protocol.slice(0, 32)} and only http(s) is fetched`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new NetError('BadUrl', 'has credentials in it; keep them in a Secret, and leave them out of the URL');
  }
  return url;
}

/**
 * The host of a URL as a credential is bound to it: `data.example` is https on its own port; every other port, and http
 * also on its own, is named: `data.example:6333`, `data.example:80`.
 */
export function boundHost(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.includes(':') ? hostname : plainHost(hostname);
  if (port !== '') return `${host}:${port}`;
  return protocol === 'https:' ? host : `${host}:80`;
}
