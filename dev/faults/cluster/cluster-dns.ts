import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded before an operator: names of Services, `….svc`, are at the address FAULTS_SERVICES, as the DNS of a cluster has
 * it. All others are looked up as ever.
 */
const address = process.env['FAULTS_SERVICES'] ?? '';
const isService = (name: string): boolean => name.endsWith('.svc');

type Found = (error: Error | null, address: string | dns.LookupAddress[], family?: number) => void;
const { lookup } = dns;
const { lookup: lookupLater } = dns.promises;

dns.lookup = ((name: string, options: dns.LookupOptions | Found, found?: Found): void => {
  const callback = (typeof options === 'function' ? options : found) as Found;
  if (!isService(name)) return lookup(name, options as dns.LookupOptions, callback as never);
  if (typeof options === 'object' && options.all) callback(null, [{ address, family: 4 }]);
  else callback(null, address, 4);
}) as typeof dns.lookup;

dns.promises.lookup = ((name: string, given?: dns.LookupOptions) => {
  const options = given ?? {};
  if (!isService(name)) return lookupLater(name, options);
  const found = { address, family: 4 };
  return Promise.resolve(options.all ? [found] : found);
}) as typeof dns.promises.lookup;

syncBuiltinESMExports();
