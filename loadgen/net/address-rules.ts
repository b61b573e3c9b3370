import { contains, destination, parseIp, parseRange, type Ip, type Range } from './ip.ts';
import { special } from './special-addresses.ts';

/** What an installation says of addresses beyond the rules everybody has. */
export interface AddressSettings {
  /** Ranges and addresses (`10.0.0.0/8`), and host names, that may be reached although they are not of the internet. */
  allow: readonly string[];
  /** Ranges and addresses that may not be reached, whatever else is said. */
  deny: readonly string[];
}

/**
 * Whether a user's URL may lead to an address. Pure.
 * @param host as in the URL; only names that are allowed are looked at.
 * @param address what it resolved to.
 * @returns why not, in a few words without the address itself; undefined when it may.
 */
export type AddressRules = (host: string, address: string) => string | undefined;

/** The rules of a local run, and of servers we made ourselves: anywhere. */
export const ANYWHERE: AddressRules = () => undefined;

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A host as rules compare it: lower case, without the root's dot or the brackets of IPv6. */
export function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

/** @returns what is wrong with an entry of `allow` or `deny`, as a sentence that names it; undefined when nothing is. */
export function entryProblem(list: keyof AddressSettings, entry: string): string | undefined {
  const shown = JSON.stringify(entry.slice(0, 100));
  const range = parseRange(entry);
  if (range && list === 'allow' && destination(range.first).family !== range.first.family) {
    return `${shown} is IPv4 in the clothes of IPv6: write it as IPv4, such as 10.0.0.0/8`;
  }
  if (range) return undefined;
  if (list === 'deny') return `${shown} is no range: expected one such as 10.0.0.0/8, fd00::/8 or an address`;
  // What ends in a number is an address to every URL parser, never a name.
  if (HOST_NAME.test(entry) && !/(^|\.)[0-9]+$/.test(entry)) return undefined;
  return `${shown} is neither a range nor a host name: expected one such as 10.0.0.0/8, an address, or data.example`;
}

/**
 * The rules of an installation: the public internet, and what it allows. A range opens everything in it. A host name
 * opens what it resolves to inside somebody's network, but never this machine, its link or a cloud's metadata: whoever
 * controls the name would otherwise reach these. `deny` is stronger than both.
 * @throws {RangeError} on an entry that is none, naming it.
 */
export function addressRules({ allow, deny }: AddressSettings): AddressRules {
  for (const [list, entries] of [
    ['allow', allow],
    ['deny', deny],
  ] as const) {
    for (const entry of entries) {
      const problem = entryProblem(list, entry);
      if (problem !== undefined) throw new RangeError(problem);
    }
  }
  const ranges = (entries: readonly string[]): Range[] =>
    entries.map(parseRange).filter((range) => range !== undefined);
  const allowed = ranges(allow);
  const denied = ranges(deny);
  const names = new Set(allow.filter((entry) => !parseRange(entry)));

  return (host, address) => {
    const written = parseIp(address);
    if (!written) return 'is no IP address';
    const ip = destination(written);
    const inSome = (list: readonly Range[], one: Ip): boolean => list.some((range) => contains(range, one));
    if (inSome(denied, ip) || inSome(denied, written)) return 'is denied by this installation';
    if (inSome(allowed, ip)) return undefined;
    const found = special(ip);
    if (!found || (found.kind === 'Inside' && names.has(plainHost(host)))) return undefined;
    return `is ${found.what}`;
  };
}
