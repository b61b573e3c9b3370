import { describe, expect, it } from 'vitest';
import { type Kube, KubeError, type KubeObject, type ObjectRef } from '../runtime/kube.ts';
import { nodeState, readNodeState, readPodUsage } from './node-record.ts';

const ID = 'abcdef0123456789';
const pod = { namespace: 'team', name: 'q-0' };
const node = (conditions: [string, string][]): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n/1' },
  status: { conditions: conditions.map(([type, status]) => ({ type, status })) },
});
const onNode = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'q-0' },
  spec: { nodeName: 'n/1' },
  status: { containerStatuses: [{ name: 'qdrant', containerID: `containerd://${ID}` }] },
};
const FIGURES = ['container_cpu_usage_seconds_total', 'container_memory_working_set_bytes', 'container_memory_rss']
  .map((name) => `${name}{id="/kubepods/pod1/${ID}"} 7`)
  .join('\n');

function api(objects: Record<string, KubeObject | undefined>, raw: string | Error = ''): Pick<Kube, 'get' | 'raw'> {
  return {
    get: (ref: ObjectRef) => Promise.resolve(objects[ref.kind]),
    raw: (path) => {
      expect(path).toBe('/api/v1/nodes/n%2F1/proxy/metrics/cadvisor');
      return raw instanceof Error ? Promise.reject(raw) : Promise.resolve(raw);
    },
  };
}
const read = (kube: Pick<Kube, 'get' | 'raw'>) =>
  readPodUsage(kube, { namespace: 'team', pod: 'q-0', container: 'qdrant' }, { now: () => new Date(0) });

describe('the record of a node', () => {
  it.each<[string, [string, string][], unknown]>([
    [
      'calm',
      [
        ['Ready', 'True'],
        ['MemoryPressure', 'False'],
      ],
      { node: 'n/1', ready: true, pressure: [] },
    ],
    [
      'pressed',
      [
        ['Ready', 'False'],
        ['PIDPressure', 'True'],
        ['DiskPressure', 'True'],
        ['MemoryPressure', 'Unknown'],
      ],
      { node: 'n/1', ready: false, pressure: ['DiskPressure', 'PIDPressure'] },
    ],
    ['unknown', [], { node: 'n/1', ready: false, pressure: [] }],
  ])('%s', (_name, conditions, expected) => expect(nodeState(node(conditions))).toEqual(expected));

  it('is found by the pod, or says why not', async () => {
    expect(await readNodeState(api({ Pod: onNode, Node: node([['Ready', 'True']]) }), pod)).toMatchObject({
      value: { ready: true },
    });
    expect(await readNodeState(api({ Pod: onNode }), pod)).toEqual({ absent: 'node n/1 is gone' });
    expect(await readNodeState(api({}), pod)).toEqual({ absent: 'pod q-0 is on no node' });
  });

  it('has what the pod used, or says why not', async () => {
    expect(await read(api({ Pod: onNode }, FIGURES))).toEqual({
      value: { containerId: ID, cpuSeconds: 7, workingSetBytes: 7, rssBytes: 7, at: '1970-01-01T00:00:00.000Z' },
    });
    expect(await read(api({ Pod: onNode }))).toMatchObject({ absent: expect.stringContaining('no figures') as string });
    expect(await read(api({}))).toEqual({ absent: 'pod q-0 is on no node' });
    for (const status of [undefined, { containerStatuses: [{ name: 'qdrant', containerID: 'x://(.*)' }] }]) {
      expect(await read(api({ Pod: { ...onNode, status } }))).toEqual({
        absent: 'container qdrant of pod q-0 has not started',
      });
    }
    const forbidden = new KubeError(403, 'Forbidden', 'nodes "n" is forbidden');
    expect(await read(api({ Pod: onNode }, forbidden))).toMatchObject({
      absent: expect.stringContaining('may not read it') as string,
    });
    expect(await read(api({ Pod: onNode }, new Error('odd')))).toEqual({ absent: 'odd' });
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(readNodeState(api({ Pod: onNode }), pod, signal)).resolves.toBeDefined();
    const failing = api({ Pod: onNode }, new Error('x'));
    await expect(
      readPodUsage(failing, { namespace: 'team', pod: 'q-0', container: 'qdrant' }, { signal }),
    ).rejects.toThrow('enough');
  });
});
