import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * CPU of autocannon a request. Arguments: its folder, a URL, a file with the body, how many requests, how many at once.
 * Prints `{ requests, cpuSeconds, version }`.
 */
const [folder, url, body, requests, connections] = process.argv.slice(2) as [string, string, string, string, string];
const require = createRequire(`${folder}/`);
type Autocannon = (options: object) => Promise<{ requests: { total: number } }>;
const autocannon = require('autocannon') as Autocannon;
const { version } = require('autocannon/package.json') as { version: string };

const options = {
  url,
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: readFileSync(body),
  connections: Number(connections),
};
await autocannon({ ...options, amount: 500 });
const before = process.cpuUsage();
const result = await autocannon({ ...options, amount: Number(requests) });
const { user, system } = process.cpuUsage(before);
process.stdout.write(
  `${JSON.stringify({ requests: result.requests.total, cpuSeconds: (user + system) / 1e6, version })}\n`,
);
