import { parseArgs } from 'node:util';

export const HELP = `npm run faults -- [runtime|local|cloud|data] [--seed N] [--count N] [--only NAME] [--parallel N] [--output FILE]

  runtime  the operator, a process of its own on a real API server, NATS and Postgres, with the rest of a cluster
           played: killed at each of its writes; API server, NATS, Postgres and Qdrant away in each phase; answers
           refused, lost and late; sweeps edited, suspended and deleted; Jobs, pods and collections taken away. Every
           sweep has to come to the end of an undisturbed one, and nothing may be done twice or left behind.
  local    kills a local sweep, "qdrant-bench run", at seeded moments
  cloud    comes with the Qdrant Cloud target
  data     local sweeps on a real engine: the engine killed, the network cut, a load generator out of memory, the disk
           full, each in each phase; every sweep has to come to its end without a number of the fault's

  --seed N       the order of scenarios, and all that is chance (default 1)
  --count N      how many (default: runtime all there are, local 100, data 1 round of all)
  --only NAME    only scenarios whose name begins so: kill, kill/kill-after/17, api/lost-answer, outage/nats, edit, hand;
                 of data: engine-killed, network-cut, load-generator-out-of-memory, disk-full/Indexing
  --parallel N   scenarios at the same time (default 2)
  --output FILE  writes the report there, as JSON
  --help         this text

Exit codes: 0 every promise kept; 1 something was lost, done twice, left behind or wrong; 2 wrong arguments; 130 interrupted.
`;

export type Arguments =
  | { kind: 'help' }
  | { kind: 'refused'; message: string }
  | { kind: 'local'; seed: number; count: number }
  | { kind: 'data'; seed: number; rounds: number; only?: string; output?: string }
  | { kind: 'runtime'; seed: number; count: number; parallel: number; only?: string; output?: string };

const LATER: Readonly<Record<string, string>> = {
  cloud: 'faults of the Qdrant Cloud API come with the Cloud target, which is not there yet',
};

/** Reads the command line. Pure. */
export function readArguments(argv: readonly string[]): Arguments {
  const parsed = parsedOf(argv);
  if (typeof parsed === 'string') return { kind: 'refused', message: parsed };
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };
  const [what = 'runtime', ...more] = positionals;
  if (more.length > 0) return { kind: 'refused', message: `"${more.join(' ')}": one campaign at a time` };
  if (Object.hasOwn(LATER, what)) return { kind: 'refused', message: LATER[what] ?? '' };
  if (what !== 'runtime' && what !== 'local' && what !== 'data') {
    return { kind: 'refused', message: `"${what}" is no campaign: expected runtime, local, cloud or data` };
  }
  for (const name of ['seed', 'count', 'parallel'] as const) {
    const value = values[name];
    if (value !== undefined && !/^[0-9]{1,6}$/.test(value)) {
      return { kind: 'refused', message: `--${name}: "${value}" is not a whole number` };
    }
  }
  const seed = Number(values.seed ?? 1);
  if (what === 'local') return { kind: 'local', seed, count: Number(values.count ?? 100) };
  const chosen = {
    ...(values.only === undefined ? {} : { only: values.only }),
    ...(values.output === undefined ? {} : { output: values.output }),
  };
  if (what === 'data') return { kind: 'data', seed, rounds: Number(values.count ?? 1), ...chosen };
  return {
    kind: 'runtime',
    seed,
    count: values.count === undefined ? Infinity : Number(values.count),
    parallel: Math.max(1, Number(values.parallel ?? 2)),
    ...chosen,
  };
}

function parsedOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        seed: { type: 'string' },
        count: { type: 'string' },
        only: { type: 'string' },
        parallel: { type: 'string' },
        output: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
    });
  } catch (error) {
    return (error as Error).message;
  }
}
