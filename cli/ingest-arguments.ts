import { UsageError } from './arguments.ts';
import { readFlags, type Flag } from './flags.ts';
import { COMMON_FLAGS, SERVER_FLAGS, serverArguments, type ServerArguments } from './server-flags.ts';

export const INGEST_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  {
    name: 'base',
    value: 'FILE',
    help: 'vectors, one point a row, its id the row number from 0: .fvecs, .bvecs,\n.npy, .hdf5, .parquet or .jsonl',
  },
  { name: 'distance', value: 'NAME', help: 'Cosine, Dot, Euclid or Manhattan' },
  { name: 'payload', value: 'FILE', help: 'payloads: JSON lines, one object for each row' },
  {
    name: 'config',
    value: 'JSON|FILE',
    help: "the collection's body as Qdrant's API has it; vectors.size comes from --base",
  },
  {
    name: 'set',
    value: 'PATH=VALUE',
    multiple: true,
    help: 'a field of that body, such as hnsw_config.m=32 or vectors.on_disk=true; may be repeated',
  },
  { name: 'hnsw-m', value: 'N', help: 'short for --set hnsw_config.m=N' },
  { name: 'batch', value: 'N', help: 'rows a request (default: adapts to the server)' },
  { name: 'parallel', value: 'N', help: 'requests at once (default: adapts to the server)' },
  { name: 'resume', help: 'go on with a collection that this command began: only missing rows are sent' },
  { name: 'recreate', help: 'delete the collection, if there is one, and begin anew' },
  { name: 'wait', help: 'wait for each request until its points are applied, not for the last ones only' },
  {
    name: 'patience',
    value: 'TIME',
    default: '5m',
    help: 'how long a server may take nothing (429, 503, 507) before it is given up',
  },
  { name: 'ready-timeout', value: 'TIME', default: '1h', help: 'longest wait for the index' },
  ...COMMON_FLAGS,
];

export interface IngestArguments extends ServerArguments {
  base: string;
  distance?: 'Cosine' | 'Dot' | 'Euclid' | 'Manhattan';
  payload?: string;
  /** JSON text, or a file with it. */
  config?: string;
  /** `path=value`, to be set upon the body. */
  set: string[];
  batchRows?: number;
  parallel?: number;
  existing: 'Refuse' | 'Resume' | 'Recreate';
  wait: boolean;
  patienceSeconds: number;
  readyTimeoutSeconds: number;
}

/** @returns 'help' when that was asked for. @throws {UsageError} naming the flag, what was given and what was expected. */
export function parseIngest(argv: readonly string[]): IngestArguments | 'help' {
  const given = readFlags('ingest', INGEST_FLAGS, argv);
  if (given.on('help')) return 'help';
  const server = serverArguments(given);
  const base = given.required('base');
  const payload = given.text('payload');
  const config = given.text('config');
  const distance = given.has('distance')
    ? given.oneOf('distance', ['Cosine', 'Dot', 'Euclid', 'Manhattan'])
    : undefined;
  const set = given.many('set');
  const sets = set.some((text) => text.startsWith('vectors.distance='));
  if (distance === undefined && config === undefined && !sets) given.required('distance');
  const m = given.number('hnsw-m', { min: 0, max: 10_000, whole: true });
  const batchRows = given.number('batch', { min: 1, max: 100_000, whole: true });
  const parallel = given.number('parallel', { min: 1, max: 16, whole: true });
  if (given.on('resume') && given.on('recreate')) {
    throw new UsageError('--resume keeps what is there, --recreate deletes it; give one of them');
  }
  return {
    ...server,
    base,
    ...(distance === undefined ? {} : { distance }),
    ...(payload === undefined ? {} : { payload }),
    ...(config === undefined ? {} : { config }),
    set: [...(m === undefined ? [] : [`hnsw_config.m=${m}`]), ...set],
    ...(batchRows === undefined ? {} : { batchRows }),
    ...(parallel === undefined ? {} : { parallel }),
    existing: given.on('resume') ? 'Resume' : given.on('recreate') ? 'Recreate' : 'Refuse',
    wait: given.on('wait'),
    patienceSeconds: given.seconds('patience', { min: 0, max: 86_400 }),
    readyTimeoutSeconds: given.seconds('ready-timeout', { min: 1, max: 86_400 * 7 }),
  };
}
