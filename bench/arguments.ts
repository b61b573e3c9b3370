import { parseArgs } from 'node:util';
import { PARTS, type Figures } from './operator/figures.ts';

const NAMES = ['client', 'honesty', 'ingest', '1m', 'operator'] as const;
/** Too long to be run unasked. */
const ONLY_BY_NAME: readonly string[] = ['1m'];
/** Several under one name. */
const GROUPS: Readonly<Record<string, readonly (typeof NAMES)[number][]>> = { load: ['client', 'honesty', 'ingest'] };

export const HELP = `npm run bench [-- NAME] [--long] [--only PART]

  client    CPU a query of the load generator's client, against a raw dispatch and other clients, on a fixed-reply server;
            the other tools are fetched once (wrk, autocannon, qdrant-client and VectorDBBench for Python)
  honesty   response times of servers whose true ones are known (one that stands still, a queue), beside a closed loop's
  ingest    uploads of the same points to a real engine: its limit, ours, qdrant-client's; exact answers to the last hit
  load      these three: about 10 minutes
  1m        a million vectors: upserts a second, memory, 100 and 1,000 concurrent searches; about 20 minutes
  operator  what the operator promises (docs/promises.md), against a real API server, NATS and Postgres: about 12 minutes
            --long        the API server is away for 5 minutes instead of 30 s
            --only PART   one of ${PARTS.join(', ')}; printed and not written

Results are written to bench/results/NAME.json, the operator's to docs/promises.md as well. Without a name, all but 1m are
run.
`;

/** What is asked for on the command line. */
export interface Asked {
  names: readonly (typeof NAMES)[number][];
  long: boolean;
  only: keyof Figures | undefined;
  help: boolean;
}

/** Pure. @throws for what there is not; the message says what there is. */
export function readArguments(args: readonly string[]): Asked {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { long: { type: 'boolean' }, only: { type: 'string' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  const { long = false, only, help = false } = values;
  const unknown = positionals.find((name) => !NAMES.some((known) => known === name) && !(name in GROUPS));
  if (unknown !== undefined)
    throw new RangeError(`no bench "${unknown}"; there is ${[...NAMES, ...Object.keys(GROUPS)].join(', ')}`);
  const part = PARTS.find((known) => known === only);
  if (only !== undefined && !part) {
    throw new RangeError(`--only: "${only}" is no part of the operator's bench; expected one of ${PARTS.join(', ')}`);
  }
  const asked = positionals.flatMap<string>((name) => GROUPS[name] ?? [name]);
  const names = NAMES.filter((name) => (asked.length === 0 ? !ONLY_BY_NAME.includes(name) : asked.includes(name)));
  if ((part || long) && !positionals.includes('operator')) {
    throw new RangeError('--long and --only are for the operator\'s bench; say "operator" as well');
  }
  return { names, long, only: part, help };
}
