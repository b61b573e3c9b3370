import { readFile, stat } from 'node:fs/promises';
import { checkJobAddress, messageId, type JobAddress } from '../../operator/bus/subjects.ts';
import { errorText } from '../job-error.ts';
import { CLAIMS_DIR } from '../dataset-sources.ts';
import type { Access } from '../net/access.ts';
import { addressRules } from '../net/address-rules.ts';

/** What a pod is told by its Job. */
export interface PodConfig {
  /** The job document, as text. */
  job: string;
  /** `nats://host:port` */
  natsUrl: string;
  /** Text of the creds file. */
  natsCreds: string;
  address: JobAddress;
  podUid: string;
  /** Which of how many pods that share the job. */
  pod: number;
  pods: number;
  /** What the installation lets a user's URLs lead to. */
  access: Access;
  /** For the log: whose job this is. */
  sweep: string | undefined;
}

/** The pod was started wrongly; starting it again will not help. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A job is at most this long: bodies and searches, no data. */
const MAX_JOB_BYTES = 16 * 2 ** 20;
const MAX_CREDS_BYTES = 65_536;

/**
 * Reads the job file named by the first argument, and the environment: QDRANT_BENCH_NATS_URL, QDRANT_BENCH_NATS_CREDS (a
 * path), QDRANT_BENCH_NAMESPACE, QDRANT_BENCH_JOB, QDRANT_BENCH_POD_UID. May be left out: QDRANT_BENCH_SWEEP, and
 * QDRANT_BENCH_PODS, with which goes JOB_COMPLETION_INDEX: then it is the only one; QDRANT_BENCH_ADDRESSES_ALLOW and _DENY: then only the public internet may be reached, and a Qdrant of our own.
 * @throws {ConfigError}
 */
export async function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<PodConfig> {
  const path = argv[2];
  if (path === undefined) throw new ConfigError('the path of the job file is missing: expected as first argument');
  const natsUrl = required(env, 'QDRANT_BENCH_NATS_URL');
  if (!/^(nats|tls):\/\/[^\s@/]+$/.test(natsUrl)) {
    throw new ConfigError(
      `QDRANT_BENCH_NATS_URL is ${JSON.stringify(natsUrl.replace(/\/\/.*@/, '//…@'))}: expected nats://host:port without credentials, which belong in the file that QDRANT_BENCH_NATS_CREDS names`,
    );
  }
  const credsPath = required(env, 'QDRANT_BENCH_NATS_CREDS');
  const address = { namespace: required(env, 'QDRANT_BENCH_NAMESPACE'), job: required(env, 'QDRANT_BENCH_JOB') };
  const podUid = required(env, 'QDRANT_BENCH_POD_UID');
  const rules = rulesOf(env);
  const pods = wholeNumber(env, 'QDRANT_BENCH_PODS', 1, 64, '1');
  const pod = pods === 1 ? 0 : wholeNumber(env, 'JOB_COMPLETION_INDEX', 0, pods - 1);
  try {
    checkJobAddress(address);
    messageId(address, podUid, 1);
  } catch (error) {
    throw new ConfigError(`QDRANT_BENCH_NAMESPACE, QDRANT_BENCH_JOB or QDRANT_BENCH_POD_UID: ${errorText(error)}`, {
      cause: error,
    });
  }
  return {
    job: await readText(path, 'the job file', MAX_JOB_BYTES),
    natsUrl,
    natsCreds: await readText(credsPath, 'QDRANT_BENCH_NATS_CREDS', MAX_CREDS_BYTES),
    address,
    podUid,
    pod,
    pods,
    access: { rules, files: false, claims: CLAIMS_DIR, env },
    sweep: env['QDRANT_BENCH_SWEEP'],
  };
}

function wholeNumber(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  min: number,
  max: number,
  otherwise?: string,
): number {
  const text = env[name] ?? otherwise ?? required(env, name);
  const value = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new ConfigError(
    `${name} is ${JSON.stringify(text.slice(0, 20))}: expected a whole number from ${min} to ${max}`,
  );
}

function rulesOf(env: Readonly<Record<string, string | undefined>>): Access['rules'] {
  const list = (name: string): string[] => (env[name] ?? '').split(',').filter(Boolean);
  try {
    return addressRules({ allow: list('QDRANT_BENCH_ADDRESSES_ALLOW'), deny: list('QDRANT_BENCH_ADDRESSES_DENY') });
  } catch (error) {
    throw new ConfigError(`QDRANT_BENCH_ADDRESSES_ALLOW or _DENY: ${errorText(error)}`, { cause: error });
  }
}

function required(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new ConfigError(`${name} is not set; --help says what it means`);
  return value;
}

async function readText(path: string, what: string, maxBytes: number): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw new Error(`it has ${size} bytes, at most ${maxBytes} expected`);
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${what} ${path} cannot be read: ${errorText(error)}`, { cause: error });
  }
}

/** What the log says of a job besides its name, read leniently: an invalid job is refused elsewhere. */
export function idsOf(job: string): { kind?: string; run?: string; attempt?: number } {
  try {
    const { kind, run, attempt } = JSON.parse(job) as Record<string, unknown>;
    return {
      ...(typeof kind === 'string' ? { kind } : {}),
      ...(typeof run === 'string' ? { run } : {}),
      ...(typeof attempt === 'number' ? { attempt } : {}),
    };
  } catch {
    return {};
  }
}
