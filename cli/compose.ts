import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { QdrantSweep } from '../crds/sweep/sweep.ts';
import { ensureEngineBinary } from '../dev/qdrant/engine-binary.ts';
import { startEngine } from '../dev/qdrant/engine.ts';
import { ANYWHERE } from '../loadgen/net/address-rules.ts';
import { sourceSecrets } from '../loadgen/dataset-sources.ts';
import { LocalProcessRunner } from '../operator/jobs/local-process.ts';
import type { JobRunner } from '../operator/jobs/job-runner.ts';
import { ExternalTarget } from '../operator/targets/external/external-target.ts';
import { UNSUPPORTED_BY_EDGE } from '../operator/targets/edge-engine.ts';
import { LocalTarget } from '../operator/targets/local/local-target.ts';
import type { Target } from '../operator/targets/target.ts';
import type { Places } from './places.ts';
import { secretValue } from './secrets.ts';

/** Jobs as processes of this machine. */
export function createJobRunner(log: Logger): JobRunner {
  return new LocalProcessRunner(join(import.meta.dirname, '..', 'loadgen', 'main.ts'), log);
}

/** The target a sweep names, as it is played in a local run. */
export function createTarget(
  sweep: QdrantSweep,
  places: Places,
  options: { env: NodeJS.ProcessEnv; fromFlag: boolean; onProgress: (line: string) => void; signal: AbortSignal },
): Target {
  const { external, kubernetes } = sweep.spec.target;
  if (external) {
    const reference = external.apiKeySecretRef;
    const apiKey = options.fromFlag
      ? options.env['QDRANT_API_KEY']
      : reference && secretValue('spec.target.external.apiKeySecretRef', reference, options.env);
    // Whatever the user of this machine can reach.
    return new ExternalTarget({ url: external.url, ...(apiKey ? { apiKey } : {}), rules: ANYWHERE });
  }
  return new LocalTarget({
    workDir: places.engines,
    description: `throw-away local engine, ${availableParallelism()} cores shared with the load generator`,
    unsupported: UNSUPPORTED_BY_EDGE,
    resources: kubernetes?.resources,
    startEngine: async ({ dataDir }) => {
      const binary = await ensureEngineBinary({ onProgress: options.onProgress, signal: options.signal });
      return startEngine({ binary: binary.path, dataDir, signal: options.signal });
    },
  });
}

/** What is in the Secrets that a sweep's dataset names, by the environment variables the load generator looks in. */
export function datasetSecrets(sweep: QdrantSweep, env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    sourceSecrets(sweep.spec.dataset).map(({ role, field, reference, variable }) => [
      variable,
      secretValue(`spec.dataset.vectors.${role}.${field}`, reference, env),
    ]),
  );
}
