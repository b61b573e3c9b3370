import { pino } from 'pino';
import { jobSchema, type Job, type Message } from '../../../../loadgen/protocol.ts';
import type { Bus } from '../../../bus/bus.ts';
import type { Kube, KubeObject } from '../../../runtime/kube.ts';
import type { SweepRef } from '../../../owned/sweep-ref.ts';
import { KubernetesJobRunner, type JobTimes, type PodNews } from '../kubernetes-job-runner.ts';
import { SETTINGS, SWEEP } from './jobs.ts';
import { MemoryBus } from './memory-bus.ts';
import { MemoryKube } from './memory-kube.ts';

export const TIMES: JobTimes = { poll: 2, start: 5000, hopeless: 2000, silence: 30, gone: 5000 };

/** What a Job's pod does: says all of `says`, then ends with `end`; without one it runs on. */
export interface PodScript {
  says: Message[];
  end?: { pod: object; condition: { type: 'Complete' | 'Failed'; reason?: string; message?: string } };
}

export const SUCCEEDED: PodScript['end'] = {
  pod: { phase: 'Succeeded', containerStatuses: [{ state: { terminated: { exitCode: 0 } } }] },
  condition: { type: 'Complete' },
};
export const OOM_KILLED: PodScript['end'] = {
  pod: { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }] },
  condition: { type: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the limit' },
};

/** An API server and NATS in memory, with the Job's controller, scheduler and kubelet played by `script`. */
export class MemoryCluster {
  readonly kube = new MemoryKube();
  readonly bus = new MemoryBus();
  /** What the pods of a Job do. undefined: no pod is made. */
  script: (job: Job) => PodScript | undefined = () => ({ says: [{ type: 'done' }], end: SUCCEEDED });
  /** Names of the Jobs made, in order. */
  readonly made: string[] = [];
  readonly news: PodNews[] = [];

  constructor() {
    this.kube.onCreated = (object) => {
      if (object.kind !== 'Job') return;
      this.made.push(object.metadata.name);
      setImmediate(() => this.#play(object));
    };
  }

  runner(
    options: { kube?: Kube; bus?: Bus; sweep?: SweepRef; times?: Partial<JobTimes>; quiet?: boolean } = {},
  ): KubernetesJobRunner {
    const { kube = this.kube, bus = this.bus, sweep = SWEEP, times = {} } = options;
    return new KubernetesJobRunner({
      kube,
      bus,
      sweep,
      settings: SETTINGS,
      log: pino({ level: 'silent' }),
      times: { ...TIMES, ...times },
      ...(options.quiet ? {} : { onPod: (news: PodNews) => void this.news.push(news) }),
    });
  }

  /** The document of a Job, as its pod would read it. */
  document(job: KubeObject): Job | undefined {
    const { namespace = '', name } = job.metadata;
    const data = this.kube.look('Secret', namespace, name)?.['data'] as Record<string, string> | undefined;
    if (data?.['job.json'] === undefined) return undefined;
    return jobSchema.parse(JSON.parse(Buffer.from(data['job.json'], 'base64').toString()));
  }

  #play(job: KubeObject): void {
    const { namespace = '', name } = job.metadata;
    const document = this.document(job);
    const script = document && this.script(document);
    if (!script || this.kube.look('Job', namespace, name)?.metadata.uid !== job.metadata.uid) return;
    const pod = this.kube.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${name}-pod`,
        namespace,
        labels: { ...templateLabels(job), 'batch.kubernetes.io/job-name': name },
        ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid: job.metadata.uid ?? '' }],
      },
      spec: { nodeName: 'node-1' },
      status: { phase: 'Running' },
    });
    this.bus.publish({ namespace, job: name }, ...script.says);
    const { end } = script;
    if (!end) return;
    setTimeout(() => {
      this.kube.set(pod, { status: end.pod });
      setTimeout(() => this.kube.set(job, { status: { conditions: [{ ...end.condition, status: 'True' }] } }), 3);
    }, 3);
  }
}

/** What the Job's controller gives its pods. */
function templateLabels(job: KubeObject): Record<string, string> {
  const { template } = (job['spec'] ?? {}) as { template?: { metadata: { labels: Record<string, string> } } };
  return template?.metadata.labels ?? {};
}
