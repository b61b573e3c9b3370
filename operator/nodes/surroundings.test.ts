import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KubeError, type Kube, type KubeObject } from '../runtime/kube.ts';
import { sampleSurroundings, surroundings, type Sample } from './surroundings.ts';

const never = new AbortController().signal;
const SELECTOR = { namespace: 'team', labelSelector: 'qdrantbench.io/sweep-uid=u' };

const pod = (
  name: string,
  component: string | undefined,
  fields: { node?: string; phase?: string; container?: string } = {},
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'team',
    ...(component ? { labels: { 'app.kubernetes.io/component': component } } : {}),
  },
  ...(fields.node ? { spec: { nodeName: fields.node } } : {}),
  ...(fields.phase
    ? { status: { phase: fields.phase, containerStatuses: [containerOf(name, component, fields)] } }
    : {}),
});
const idOf = (name: string): string => createHash('sha256').update(name).digest('hex');
const containerOf = (name: string, component = '', { container = name }: { container?: string }) => ({
  name: component,
  containerID: `containerd://${idOf(container)}`,
});
const RUNNING = { node: 'n1', phase: 'Running' };

/** An API server with these pods on node n1, whose kubelet has counted `cpu` seconds. */
function api(pods: KubeObject[], options: { cpu?: number; pressure?: boolean; fails?: Error } = {}) {
  const { cpu = 1, pressure = false, fails } = options;
  const kube: Pick<Kube, 'get' | 'list' | 'raw'> = {
    list: (_kind, asked) => {
      expect(asked).toEqual(SELECTOR);
      return fails ? Promise.reject(fails) : Promise.resolve(pods);
    },
    get: ({ kind, name }) =>
      Promise.resolve(
        kind === 'Pod'
          ? pods.find(({ metadata }) => metadata.name === name)
          : {
              apiVersion: 'v1',
              kind: 'Node',
              metadata: { name: 'n1' },
              status: { conditions: [{ type: 'MemoryPressure', status: pressure ? 'True' : 'False' }] },
            },
      ),
    raw: () =>
      Promise.resolve(
        pods
          .flatMap((object) => {
            const { containerStatuses = [] } = object['status'] as { containerStatuses?: { containerID: string }[] };
            const labels = `{id="/kubepods/pod1/${containerStatuses[0]?.containerID.replace('containerd://', '')}"}`;
            return [
              `container_cpu_usage_seconds_total${labels} ${cpu}`,
              `container_memory_working_set_bytes${labels} 10`,
              `container_memory_rss${labels} 10`,
            ];
          })
          .join('\n'),
      ),
  };
  return kube;
}
const at = (seconds: number) => () => new Date(seconds * 1000);
const look = (kube: ReturnType<typeof api>, seconds = 0): Promise<Sample> =>
  sampleSurroundings(kube, SELECTOR, never, at(seconds));

describe('what surrounds a measurement', () => {
  it('is what its pods used, and which node was under pressure at either end', async () => {
    const pods = [pod('qdrant-0', 'qdrant', RUNNING), pod('job-1', 'loadgen', RUNNING)];
    const before = await look(api(pods, { cpu: 5, pressure: true }));
    const after = await look(api(pods, { cpu: 25 }), 30);
    expect(surroundings(before, after)).toMatchObject({
      from: '1970-01-01T00:00:00.000Z',
      to: '1970-01-01T00:00:30.000Z',
      pressure: ['n1: MemoryPressure'],
      pods: [
        { component: 'qdrant', pod: 'qdrant-0', node: 'n1', used: { cpuSeconds: 20, seconds: 30 } },
        { component: 'loadgen', pod: 'job-1', node: 'n1', used: { cpuSeconds: 20, seconds: 30 } },
      ],
    });
  });

  it('is seen of running pods of ours only', async () => {
    const pods = [
      pod('qdrant-0', 'qdrant', RUNNING),
      pod('unnamed', undefined, RUNNING),
      pod('over', 'loadgen', { node: 'n1', phase: 'Succeeded' }),
      pod('nobody-looked', 'loadgen', { node: 'n1' }),
      pod('nowhere', 'loadgen', { phase: 'Pending' }),
    ];
    expect((await look(api(pods))).pods.map((item) => item.pod)).toEqual(['qdrant-0']);
  });

  it('says why it is not known what a pod used', async () => {
    const pods = [pod('qdrant-0', 'qdrant', RUNNING)];
    const none = await look(api([]));
    const seen = await look(api(pods, { cpu: 7 }));
    const unread = {
      ...seen,
      pods: seen.pods.map((item) => ({ ...item, usage: { absent: 'forbidden' }, state: { absent: 'forbidden' } })),
    };
    const of = (before: Sample, after: Sample) => surroundings(before, after).pods[0];
    expect(of(none, seen)).toEqual({ component: 'qdrant', pod: 'qdrant-0', node: 'n1', absent: 'seen only once' });
    expect(of(seen, none)).toMatchObject({ pod: 'qdrant-0', absent: 'it ended before the second look' });
    expect(of(unread, seen)?.absent).toBe('forbidden');
    expect(of(seen, unread)?.absent).toBe('forbidden');
    expect(surroundings(unread, unread).pressure).toEqual([]);
    const again = [pod('qdrant-0', 'qdrant', { ...RUNNING, container: 'another' })];
    const restarted = await look(api(again, { cpu: 9 }), 5);
    expect(of(seen, restarted)).not.toHaveProperty('used');
    expect(of(seen, restarted)?.absent).toBe('its container was restarted in between');
  });

  it('costs no run: what cannot be listed is not there', async () => {
    expect(await look(api([], { fails: new KubeError(403, 'Forbidden', 'no') }))).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      pods: [],
    });
    expect((await sampleSurroundings(api([]), SELECTOR, never)).at).toMatch(/^20/);
  });

  it('is not looked at any longer once that is unwanted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(sampleSurroundings(api([], { fails: new Error('x') }), SELECTOR, signal)).rejects.toThrow('enough');
  });
});
