import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { plainHost, type AddressRules } from './address-rules.ts';
import { NetError } from './net-error.ts';

/** All addresses of a host name. The system's own by default: `/etc/hosts`, search domains, whatever it is set up with. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;

export interface ConnectOptions {
  rules: AddressRules;
  /** Longest wait for a connection, resolving and TLS included. Default 10 s. */
  timeoutMilliseconds?: number;
  /** HTTP/2, where the server offers it. Default: as undici has it. */
  http2?: boolean;
  /** Certificates (PEM) of the authorities to trust instead of the public ones. */
  ca?: string;
  /** For tests. */
  resolve?: Resolve;
}

const resolveBySystem: Resolve = (host) =>
  new Promise((done, fail) =>
    systemLookup(host, { all: true }, (error, addresses) => (error ? fail(error) : done(addresses))),
  );

/**
 * The only way to a host a user names: a connector for undici's pools and agents. A host is resolved once, every address
 * it resolves to is held against the rules, and the connection is made to one of these very addresses; nothing asks a
 * name server again in between, or for later connections, until one fails. TLS is still verified against the name.
 *
 * A refused host is a {@link NetError} AddressRefused, and gets not a single packet.
 */
export function checkedConnector(options: ConnectOptions): buildConnector.connector {
  const { rules, resolve = resolveBySystem, timeoutMilliseconds = 10_000, http2, ca } = options;
  const known = new Map<string, Promise<LookupAddress[]>>();

  const resolveChecked = async (host: string): Promise<LookupAddress[]> => {
    const addresses = await resolve(host);
    if (addresses.length === 0) throw new NetError('Unreachable', `could not be reached: ${host} has no address`);
    for (const { address } of addresses) check(rules, host, address);
    return addresses;
  };
  const answer = async (host: string, all: boolean, callback: Parameters<LookupFunction>[2]): Promise<void> => {
    let addresses: LookupAddress[];
    try {
      const asked = known.get(host) ?? resolveChecked(host);
      known.set(host, asked);
      addresses = await asked;
    } catch (error) {
      return callback(error as Error, []);
    }
    const [first] = addresses as [LookupAddress];
    if (all) callback(null, addresses);
    else callback(null, first.address, first.family);
  };
  // net.connect calls this for every host that is not an address already, and connects to nothing else than its answer.
  const lookup: LookupFunction = (host, { all = false }, callback) => void answer(host, all, callback);
  const connect = buildConnector({
    lookup,
    timeout: timeoutMilliseconds,
    ...(http2 === undefined ? {} : { allowH2: http2 }),
    ...(ca === undefined ? {} : { ca }),
  });

  return (target, callback) => {
    const host = plainHost(target.hostname);
    try {
      if (isIP(host) !== 0) check(rules, host, host);
    } catch (error) {
      return callback(error as Error, null);
    }
    connect(target, (...result) => {
      // Where nobody answers any more, the next connection may ask anew, and is checked anew.
      if (result[0]) known.delete(target.hostname);
      callback(...result);
    });
  };
}

function check(rules: AddressRules, host: string, address: string): void {
  const why = rules(host, address);
  if (why === undefined) return;
  const what = isIP(host) === 0 ? `${host} has an address that ${why}` : `the address ${why}`;
  throw new NetError(
    'AddressRefused',
    `may not be reached: ${what}; whoever runs Qdrant Bench here can allow it (the chart's addresses.allow)`,
  );
}
