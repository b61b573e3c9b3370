import { contains, parseRange, type Ip, type Range } from './ip.ts';

/**
 * What an address that is not one of the public internet is for. `Inside`: other machines of somebody's own network.
 * `Never`: this machine, this link, a cloud's metadata, or nothing a client could be meant to reach.
 */
export interface Special {
  kind: 'Inside' | 'Never';
  /** `private (RFC 1918)` */
  what: string;
}

/**
 * The entries of IANA's IPv4 and IPv6 Special-Purpose Address Registries (iana.org/assignments/iana-ipv4-special-registry,
 * …/iana-ipv6-special-registry) and multicast ranges that no client of the public internet is to connect to, and the
 * metadata services of clouds that have an address of their own. First match counts.
 */
const TABLE: readonly (readonly [range: string, kind: Special['kind'], what: string])[] = [
  ['0.0.0.0/8', 'Never', 'this network (RFC 791)'],
  ['127.0.0.0/8', 'Never', 'loopback (RFC 1122)'],
  ['169.254.0.0/16', 'Never', 'link-local (RFC 3927), where clouds serve metadata'],
  ['168.63.129.16/32', 'Never', "Azure's platform address"],
  ['100.100.100.200/32', 'Never', "Alibaba Cloud's metadata"],
  ['192.0.0.0/24', 'Never', 'for protocols (RFC 6890), where Oracle Cloud serves metadata'],
  ['10.0.0.0/8', 'Inside', 'private (RFC 1918)'],
  ['172.16.0.0/12', 'Inside', 'private (RFC 1918)'],
  ['192.168.0.0/16', 'Inside', 'private (RFC 1918)'],
  ['100.64.0.0/10', 'Inside', 'shared behind a carrier’s NAT (RFC 6598)'],
  ['198.18.0.0/15', 'Inside', 'for benchmarks (RFC 2544)'],
  ['192.0.2.0/24', 'Inside', 'for documentation (RFC 5737)'],
  ['198.51.100.0/24', 'Inside', 'for documentation (RFC 5737)'],
  ['203.0.113.0/24', 'Inside', 'for documentation (RFC 5737)'],
  ['192.88.99.0/24', 'Never', 'a 6to4 relay (RFC 7526)'],
  ['224.0.0.0/4', 'Never', 'multicast (RFC 5771)'],
  ['255.255.255.255/32', 'Never', 'broadcast (RFC 919)'],
  ['240.0.0.0/4', 'Inside', 'reserved (RFC 1112)'],
  ['::/128', 'Never', 'unspecified (RFC 4291)'],
  ['::1/128', 'Never', 'loopback (RFC 4291)'],
  ['fd00:ec2::/32', 'Never', "Amazon's metadata"],
  ['fd20:ce::/64', 'Never', "Google Cloud's metadata"],
  ['fc00::/7', 'Inside', 'unique-local (RFC 4193)'],
  ['fe80::/10', 'Never', 'link-local (RFC 4291)'],
  ['fec0::/10', 'Inside', 'site-local (RFC 3879)'],
  ['ff00::/8', 'Never', 'multicast (RFC 4291)'],
  ['64:ff9b:1::/48', 'Never', 'translated to IPv4 (RFC 8215)'],
  ['::/96', 'Never', 'IPv4-compatible (RFC 4291)'],
  ['2001::/32', 'Never', 'tunnelled by Teredo (RFC 4380)'],
  ['2001::/23', 'Never', 'for protocols (RFC 2928)'],
  ['2001:db8::/32', 'Inside', 'for documentation (RFC 3849)'],
  ['2002::/16', 'Never', 'tunnelled by 6to4 (RFC 3056)'],
  ['3fff::/20', 'Inside', 'for documentation (RFC 9637)'],
];

const RANGES = TABLE.map(([range, kind, what]) => ({ range: parseRange(range) as Range, special: { kind, what } }));
/** All of IPv6 that is given out (IANA's IPv6 Address Space): what is outside of it and not in the table is nobody's. */
const GLOBAL_UNICAST = parseRange('2000::/3') as Range;

/** What is special about an address; undefined for one of the public internet. Takes mapped addresses as they are. */
export function special(ip: Ip): Special | undefined {
  const known = RANGES.find(({ range }) => contains(range, ip));
  if (known) return known.special;
  if (ip.family === 6 && !contains(GLOBAL_UNICAST, ip)) return { kind: 'Never', what: 'not given out (RFC 4291)' };
  return undefined;
}
