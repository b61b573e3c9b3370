import type { Logger } from 'pino';
import { addressRules } from '../loadgen/net/address-rules.ts';
import type { NatsBus } from './bus/nats-bus.ts';
import { addressSettings, type OperatorConfig } from './config.ts';
import { datasetCredentials, readApiKey } from './installation/credential-secret.ts';
import { checkSourceClaims } from './installation/source-claims.ts';
import { withLoadgen } from './jobs/kubernetes/job-objects.ts';
import { KubernetesJobRunner } from './jobs/kubernetes/kubernetes-job-runner.ts';
import { sampleSurroundings, surroundings } from './nodes/surroundings.ts';
import { LABELS, type SweepRef } from './owned/sweep-ref.ts';
import type { KubeClient } from './runtime/kube-client.ts';
import type { WorldOf } from './sweep/world.ts';
import { ExternalTarget } from './targets/external/external-target.ts';
import { KubernetesTarget } from './targets/kubernetes/kubernetes-target.ts';
import { MeasurementLock } from './targets/measurement-lock.ts';
import type { Target } from './targets/target.ts';

/** The adapters of each sweep on a cluster. */
export function worldMaker(config: OperatorConfig, kube: KubeClient, bus: NatsBus, log: Logger): WorldOf {
  return async (spec, object, signal, onWait) => {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace = 'default', uid = '' } = metadata;
    const ref: SweepRef = { apiVersion, kind, namespace, name, uid };
    const child = log.child({ sweep: `${namespace}/${name}`, uid });
    const jobs = new KubernetesJobRunner({
      kube,
      bus,
      sweep: ref,
      log: child,
      settings: withLoadgen(
        {
          image: config.QDRANT_BENCH_LOADGEN_IMAGE,
          imagePullPolicy: config.QDRANT_BENCH_IMAGE_PULL_POLICY,
          natsUrl: config.QDRANT_BENCH_NATS_URL,
          addresses: addressSettings(config),
          resources: config.QDRANT_BENCH_LOADGEN_RESOURCES,
          datasetStorage: config.QDRANT_BENCH_DATASET_STORAGE,
          deadlineSeconds: config.QDRANT_BENCH_JOB_DEADLINE_SECONDS,
        },
        spec.loadgen,
      ),
      onPod: ({ job, state }) => {
        child.info({ job, ...state }, 'pod');
        onWait(`the pod of Job ${job}`, state.kind === 'Starting' && !state.passing ? state.why : undefined);
      },
    });
    const { external } = spec.target;
    const lock =
      external &&
      new MeasurementLock({
        kube,
        namespace: config.QDRANT_BENCH_NAMESPACE,
        url: external.url,
        sweep: ref,
        log: child,
        onWait: (why) => onWait('Qdrant', why),
      });
    const pods = { namespace, labelSelector: `${LABELS.sweepUid}=${uid}` };
    return {
      target: await targetOf(config, kube, ref, spec, onWait, signal),
      jobs,
      datasetSecrets: async (dataset, joint) => {
        await checkSourceClaims(kube, namespace, dataset, joint);
        return await datasetCredentials(kube, namespace, dataset, joint);
      },
      ...(lock ? { alone: (joint) => lock.take(joint) } : {}),
      surroundings: async (from) => {
        const before = await sampleSurroundings(kube, pods, from);
        return async (to) => surroundings(before, await sampleSurroundings(kube, pods, to));
      },
    };
  };
}

async function targetOf(
  config: OperatorConfig,
  kube: KubeClient,
  ref: SweepRef,
  { target: { external, kubernetes }, retention }: Parameters<WorldOf>[0],
  onWait: (source: string, why: string | undefined) => void,
  signal: AbortSignal,
): Promise<Target> {
  if (external) {
    const { url, apiKeySecretRef } = external;
    const key = apiKeySecretRef && {
      apiKey: await readApiKey(kube, ref.namespace, { url, reference: apiKeySecretRef }, signal),
      apiKeySecretRef,
    };
    return new ExternalTarget({ url, ...key, rules: addressRules(addressSettings(config)) });
  }
  return new KubernetesTarget({
    kube,
    sweep: ref,
    spec: kubernetes ?? {},
    outlives: retention?.onDelete === 'Keep',
    defaults: {
      image: config.QDRANT_BENCH_QDRANT_IMAGE,
      imagePullPolicy: config.QDRANT_BENCH_IMAGE_PULL_POLICY,
      version: config.QDRANT_BENCH_QDRANT_VERSION,
      cpu: '1',
      memory: '2Gi',
      storage: '10Gi',
    },
    onWait: (why) => onWait('Qdrant', why),
  });
}
