import type { Message, PreparedMessage } from '../../../../loadgen/protocol.ts';
import { jobName } from '../job-name.ts';
import { measureJob, SWEEP } from './jobs.ts';
import { MemoryCluster, type PodScript } from './memory-cluster.ts';

export const never = new AbortController().signal;
export const DONE: Message = { type: 'done' };
export const PREPARED: PreparedMessage = {
  type: 'prepared',
  datasetDir: '/var/lib/qdrant-bench/datasets/abc',
  digest: 'sha256:abc',
  points: 1000,
  dimensions: 8,
  queries: 50,
  distance: 'Cosine',
};
export const search = (id: string): Message => ({
  type: 'search',
  id,
  run: 'r',
  repeat: 0,
  stage: 'Recall',
  metrics: [],
  seconds: 1,
});
export const measure = measureJob();
export const name = jobName(SWEEP, measure);
export const address = { namespace: SWEEP.namespace, job: name };

/** Keeps what is handed over, in order. */
export function listener(refuse: (message: Message, nth: number) => Error | undefined = () => undefined) {
  const heard: string[] = [];
  let calls = 0;
  const onMessage = (message: Message): Promise<void> => {
    const error = refuse(message, (calls += 1));
    if (error) return Promise.reject(error);
    heard.push(message.type === 'search' ? message.id : message.type);
    return Promise.resolve();
  };
  return { heard, onMessage };
}

export function cluster(script: PodScript | undefined): MemoryCluster {
  const made = new MemoryCluster();
  made.script = () => script;
  return made;
}
