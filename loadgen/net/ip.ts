import { isIPv4, isIPv6 } from 'node:net';

/** An IP address as a number of 32 (family 4) or 128 bits (family 6). */
export interface Ip {
  family: 4 | 6;
  bits: bigint;
}

/** All addresses whose first `prefix` bits are those of `first`. */
export interface Range {
  first: Ip;
  prefix: number;
}

const WIDTH = { 4: 32, 6: 128 } as const;
const LOW_32 = 0xffff_ffffn;

/**
 * Reads an address in its usual notation, `192.0.2.1` or `2001:db8::1`; a zone (`fe80::1%eth0`) is left out. Anything
 * else, the older spellings of IPv4 (`127.1`, `0x7f.1`) among them, is undefined: a resolver or URL parser reads those.
 */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return { family: 4, bits: ipv4Bits(text) };
  if (isIPv6(text)) return { family: 6, bits: ipv6Bits(text.replace(/%.*$/s, '')) };
  return undefined;
}

function ipv4Bits(text: string): bigint {
  return text.split('.').reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n);
}

function ipv6Bits(text: string): bigint {
  // The last 32 bits may be written as an IPv4 address.
  const dotted = /[0-9.]+$/.exec(text)?.[0] ?? '';
  let colons = text;
  if (dotted.includes('.')) {
    const low = ipv4Bits(dotted);
    colons = `${text.slice(0, -dotted.length)}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
  }
  const groups = (part: string): string[] => part.split(':').filter((group) => group !== '');
  const [before = '', after] = colons.split('::', 2);
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** Reads `10.0.0.0/8`, `2001:db8::/32`, or one address; bits behind the prefix do not matter. Else undefined. */
export function parseRange(text: string): Range | undefined {
  const [address = '', length, ...more] = text.split('/');
  const first = address.includes('%') ? undefined : parseIp(address);
  if (!first || more.length > 0) return undefined;
  if (length === undefined) return { first, prefix: WIDTH[first.family] };
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > WIDTH[first.family]) return undefined;
  return { first, prefix: Number(length) };
}

/** Whether an address is in a range. */
export function contains({ first, prefix }: Range, { family, bits }: Ip): boolean {
  if (family !== first.family) return false;
  const rest = BigInt(WIDTH[family] - prefix);
  return bits >> rest === first.bits >> rest;
}

const MAPPED = parseRange('::ffff:0:0/96') as Range;
/** The well-known prefix of translators from IPv6 to IPv4, RFC 6052. */
const TRANSLATED = parseRange('64:ff9b::/96') as Range;

/** The IPv4 address that packets to an IPv4-mapped or translated IPv6 address end up at; any other address itself. */
export function destination(ip: Ip): Ip {
  return contains(MAPPED, ip) || contains(TRANSLATED, ip) ? { family: 4, bits: ip.bits & LOW_32 } : ip;
}
