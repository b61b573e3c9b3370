import { z } from 'zod';
import { entryProblem, type AddressSettings } from '../loadgen/net/address-rules.ts';
import { parseFault } from './runtime/effects.ts';
import { DEFAULT_LIMITS, type Limits } from './sweep/places.ts';
import { checkSettings, type LeaseSettings } from './runtime/lease.ts';

/** Quantities are checked by the API server, which knows all their spellings. */
const resourceList = z.record(z.string().max(63), z.string().max(32));
export const resourcesSchema = z.strictObject({
  requests: resourceList.default({}),
  limits: resourceList.default({}),
});
export type PodResources = z.output<typeof resourcesSchema>;

const pullPolicy = z.enum(['Always', 'IfNotPresent', 'Never']);
const label = z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'expected a DNS label');

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  );

const addresses = (kind: keyof AddressSettings) =>
  list.pipe(
    z.array(z.string()).check((context) => {
      const problem = context.value.map((entry) => entryProblem(kind, entry)).find(Boolean);
      if (problem !== undefined) context.issues.push({ code: 'custom', message: problem, input: context.value });
    }),
  );

const json = (text: string, context: z.RefinementCtx): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue('expected JSON');
    return z.NEVER;
  }
};

const seconds = (initial: number) => z.coerce.number().int().min(1).max(3600).default(initial);

const schema = z.object({
  /** Our own namespace: the NATS Secret is kept here. */
  QDRANT_BENCH_NAMESPACE: label,
  POD_NAME: z.string().min(1).max(253).default('qdrant-bench'),
  /** Empty: all namespaces. */
  QDRANT_BENCH_WATCH_NAMESPACES: list.pipe(z.array(label)),
  QDRANT_BENCH_DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'expected postgres://user@host/database'),
  QDRANT_BENCH_NATS_URL: z.string().regex(/^(nats|tls):\/\/[^\s@/]+$/, 'expected nats://host:port'),
  QDRANT_BENCH_NATS_SECRET: label,
  QDRANT_BENCH_LOADGEN_IMAGE: z.string().min(1),
  /** `{version}` stands for the version a sweep asks for; an image without it is taken as it is. */
  QDRANT_BENCH_QDRANT_IMAGE: z.string().min(1).default('qdrant/qdrant:v{version}'),
  QDRANT_BENCH_QDRANT_VERSION: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, 'expected a version such as 1.19.0')
    .default('1.19.0'),
  QDRANT_BENCH_IMAGE_PULL_POLICY: pullPolicy.default('IfNotPresent'),
  QDRANT_BENCH_LOADGEN_RESOURCES: z
    .string()
    .default('{"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"1","memory":"1Gi"}}')
    .transform(json)
    .pipe(resourcesSchema),
  QDRANT_BENCH_DATASET_STORAGE: z.string().min(1).max(32).default('10Gi'),
  QDRANT_BENCH_JOB_DEADLINE_SECONDS: z.coerce.number().int().min(60).max(2_592_000).default(86_400),
  /** Sweeps worked on at once: in all, and of one namespace. */
  QDRANT_BENCH_MAX_SWEEPS: z.coerce.number().int().min(1).max(200).default(DEFAULT_LIMITS.sweeps),
  QDRANT_BENCH_MAX_SWEEPS_PER_NAMESPACE: z.coerce.number().int().min(1).max(200).default(DEFAULT_LIMITS.perNamespace),
  /** Where a user's URLs may lead besides the public internet: ranges and host names. */
  QDRANT_BENCH_ADDRESSES_ALLOW: addresses('allow'),
  /** Where they never may: ranges. */
  QDRANT_BENCH_ADDRESSES_DENY: addresses('deny'),
  /** The Lease in our own namespace whose holder leads. Operators of one database and other Leases do not know of each other. */
  QDRANT_BENCH_LEASE_NAME: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'expected the name of a Lease')
    .default('qdrant-bench'),
  QDRANT_BENCH_LEASE_DURATION_SECONDS: seconds(15),
  QDRANT_BENCH_LEASE_RENEW_SECONDS: seconds(10),
  QDRANT_BENCH_LEASE_RETRY_SECONDS: seconds(2),
  /** Requests to the API server: a second, and at once after a pause. Each sweep under way needs two a second. */
  QDRANT_BENCH_KUBE_QPS: z.coerce.number().min(1).max(1000).default(50),
  QDRANT_BENCH_KUBE_BURST: z.coerce.number().int().min(1).max(10_000).default(100),
  /** A reconcile that takes longer is told to end. */
  QDRANT_BENCH_RECONCILE_TIMEOUT_SECONDS: seconds(600),
  /** For tests of what a dying operator leaves behind: `kill-after:N`, `kill-before-answer:N`. */
  QDRANT_BENCH_FAULT: z
    .string()
    .transform((text, context) => {
      try {
        return parseFault(text);
      } catch (error) {
        context.addIssue((error as Error).message);
        return z.NEVER;
      }
    })
    .optional(),
  /** Has to say `yes` for that, so that none is set by mistake. */
  QDRANT_BENCH_FAULT_ALLOWED: z.literal('yes', 'expected yes, where an operator may be killed on purpose').optional(),
  QDRANT_BENCH_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  QDRANT_BENCH_LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
});

/** What only two variables together can get wrong: the name of the one to change, and what is wrong. */
const CONFLICTS: readonly ((config: z.output<typeof schema>) => [string, string] | undefined)[] = [
  (config) => {
    try {
      checkSettings(leaseSettings(config));
    } catch (error) {
      return ['QDRANT_BENCH_LEASE_RENEW_SECONDS', (error as Error).message];
    }
  },
  ({ QDRANT_BENCH_FAULT, QDRANT_BENCH_FAULT_ALLOWED }) =>
    QDRANT_BENCH_FAULT && !QDRANT_BENCH_FAULT_ALLOWED
      ? ['QDRANT_BENCH_FAULT', 'would kill this operator; it is obeyed only with QDRANT_BENCH_FAULT_ALLOWED=yes']
      : undefined,
];

/** The times of leader election. */
export function leaseSettings(config: z.output<typeof schema>): LeaseSettings {
  return {
    durationMs: config.QDRANT_BENCH_LEASE_DURATION_SECONDS * 1000,
    renewDeadlineMs: config.QDRANT_BENCH_LEASE_RENEW_SECONDS * 1000,
    retryPeriodMs: config.QDRANT_BENCH_LEASE_RETRY_SECONDS * 1000,
  };
}

/** What an installation tells the operator, by environment variables of the same names. */
export type OperatorConfig = z.output<typeof schema>;

/** How many sweeps are worked on at once. */
export function placeLimits(config: OperatorConfig): Limits {
  return { sweeps: config.QDRANT_BENCH_MAX_SWEEPS, perNamespace: config.QDRANT_BENCH_MAX_SWEEPS_PER_NAMESPACE };
}

/** Where a user's URLs may lead in this installation. */
export function addressSettings(config: OperatorConfig): AddressSettings {
  return { allow: config.QDRANT_BENCH_ADDRESSES_ALLOW, deny: config.QDRANT_BENCH_ADDRESSES_DENY };
}

/** The environment is not what it has to be; the message names each variable, and repeats no value: some are secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws {ConfigError} */
export function readConfig(env: NodeJS.ProcessEnv): OperatorConfig {
  const parsed = schema.safeParse(env);
  const problems = parsed.success
    ? CONFLICTS.map((conflict) => conflict(parsed.data)).filter((problem) => problem !== undefined)
    : parsed.error.issues.map(({ path, message }): [string, string] => {
        const name = String(path[0]);
        return [name, env[name] === undefined ? 'is not set' : message];
      });
  if (parsed.success && problems.length === 0) return parsed.data;
  const lines = problems.map((problem) => problem.join(': '));
  throw new ConfigError(`the environment is not complete; the Helm chart sets it:\n  ${lines.join('\n  ')}`);
}
