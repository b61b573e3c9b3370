import { z } from 'zod';
import { entryProblem, type AddressSettings } from '../loadgen/net/address-rules.ts';

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
  /** Where a user's URLs may lead besides the public internet: ranges and host names. */
  QDRANT_BENCH_ADDRESSES_ALLOW: addresses('allow'),
  /** Where they never may: ranges. */
  QDRANT_BENCH_ADDRESSES_DENY: addresses('deny'),
  QDRANT_BENCH_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  QDRANT_BENCH_LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
});

/** What an installation tells the operator, by environment variables of the same names. */
export type OperatorConfig = z.output<typeof schema>;

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
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    return `${name}: ${env[name] === undefined ? 'is not set' : message}`;
  });
  throw new ConfigError(`the environment is not complete; the Helm chart sets it:\n  ${problems.join('\n  ')}`);
}
