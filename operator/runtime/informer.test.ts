import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Informer, type InformerOptions } from './informer.ts';
import { KINDS } from './kinds.ts';
import { KubeError, type KubeObject, type WatchEvent, type WatchOptions } from './kube.ts';
import type { ObjectEvent } from './object-cache.ts';
import { noMetrics } from './runtime-metrics.ts';
import { FakeClock } from './testing/fake-clock.ts';

// Faults that a real server cannot be asked for; what can, is in api-server.e2e.test.ts.

const object = (name: string, version: string, uid = name): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n', uid, resourceVersion: version },
});

type Watch = (WatchEvent | Error)[] | 'open';

/** A server whose lists and watches are scripted; the last of each goes on for ever. */
function scripted(
  lists: ((KubeObject[] | Error) & { version?: string })[],
  watches: Watch[],
  options: Partial<InformerOptions> = {},
) {
  const clock = new FakeClock();
  const events: ObjectEvent[] = [];
  const restarts: string[] = [];
  const asked: WatchOptions[] = [];
  let listed = 0;
  let failedHandlers = 0;
  const informer = new Informer({
    kind: KINDS.ConfigMap,
    log: pino({ level: 'silent' }),
    clock,
    random: () => 0,
    metrics: {
      ...noMetrics,
      watchRestarted: (_kind, why) => void restarts.push(why),
      handlerFailed: () => void (failedHandlers += 1),
    },
    onEvent: (event) => void events.push(event),
    kube: {
      listWithVersion: () => {
        const items = lists[Math.min(listed, lists.length - 1)] as KubeObject[] | Error;
        listed += 1;
        return items instanceof Error
          ? Promise.reject(items)
          : Promise.resolve({ items: structuredClone(items), resourceVersion: `list-${listed}` });
      },
      async *watch(_kind, watchOptions, signal) {
        const script = watches[Math.min(asked.length, watches.length - 1)] as Watch;
        asked.push(watchOptions);
        if (script === 'open') {
          await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
          return;
        }
        for (const event of script) {
          if (event instanceof Error) throw event;
          yield event;
        }
      },
    },
    ...options,
  });
  const told = () =>
    events.map(({ type, object: { metadata } }) => `${type} ${metadata.name}@${metadata.resourceVersion}`);
  return { informer, clock, told, events, restarts, asked, listed: () => listed, failedHandlers: () => failedHandlers };
}
const added = (name: string, version: string): WatchEvent => ({ type: 'ADDED', object: object(name, version) });
const expired = new KubeError(410, 'Expired', 'too old');
const never = new AbortController().signal;

describe('an informer', () => {
  it('lists anew at once when its version expired, and tells what changed as events', async () => {
    const { informer, clock, told, restarts, asked } = scripted(
      [
        [object('a', '1'), object('b', '1'), object('c', '1')],
        [object('a', '1'), object('b', '2'), object('c', '5', 'another')],
      ],
      [[expired], 'open'],
    );
    informer.start();
    await clock.advance(0);
    expect(told()).toEqual(['Added a@1', 'Added b@1', 'Added c@1', 'Updated b@2', 'Deleted c@1', 'Added c@5']);
    expect(restarts).toEqual(['expired']);
    expect(asked.map(({ resourceVersion }) => resourceVersion)).toEqual(['list-1', 'list-2']);
    await informer.stop();
  });

  it('goes on where it was after an error, later each time, and lists anew when that does not help', async () => {
    const broken = new KubeError(0, 'Malformed', 'nonsense');
    const { informer, clock, asked, listed } = scripted([[]], [[added('a', '7'), broken], [broken]]);
    informer.start();
    await clock.advance(0);
    expect(asked).toHaveLength(1);
    await clock.advance(500);
    expect(asked.at(-1)?.resourceVersion).toBe('7');
    const times: number[] = [];
    for (let second = 0; second < 120; second += 1) {
      const before = asked.length;
      await clock.advance(1000);
      if (asked.length > before) times.push(second);
    }
    // Half of 4, 8, 10, 10 … seconds, the jitter being at its least.
    expect(times.slice(1).map((time, index) => time - (times[index] as number))).toEqual([
      2,
      4,
      ...Array.from({ length: 22 }, () => 5),
    ]);
    expect(listed()).toBeGreaterThan(1);
    await informer.stop();
  });

  it('is patient with a server that says how long to wait, and with one it cannot list', async () => {
    const busy = new KubeError(429, 'TooManyRequests', 'later', { retryAfter: 20 });
    const { informer, clock, listed, told } = scripted(
      [busy, new KubeError(503, 'x', 'y'), [object('a', '1')]],
      ['open'],
    );
    informer.start();
    await clock.advance(19_000);
    expect(listed()).toBe(1);
    expect(informer.hasSynced).toBe(false);
    expect(informer.staleSeconds).toBe(19);
    await expect(informer.synced(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    const waiting = new AbortController();
    const synced = informer.synced(waiting.signal);
    waiting.abort(new Error('no longer'));
    await expect(synced).rejects.toThrow('no longer');
    await clock.advance(5000);
    expect(informer.hasSynced).toBe(true);
    await informer.synced(never);
    expect(told()).toEqual(['Added a@1']);
    await informer.stop();
  });

  it('resumes at once after a watch that was of use, not after one that closes without a word', async () => {
    const { informer, clock, asked, restarts } = scripted(
      [[]],
      [[added('a', '1')], [{ type: 'BOOKMARK', resourceVersion: '9' }], []],
    );
    informer.start();
    await clock.advance(0);
    expect(asked.map(({ resourceVersion }) => resourceVersion)).toEqual(['list-1', '1', '9']);
    await clock.advance(600);
    expect(asked).toHaveLength(4);
    expect(restarts).toEqual(['closed', 'closed', 'closed', 'closed']);
    await informer.stop();
  });

  it('asks for bookmarks’ time and a random end', async () => {
    const { informer, clock, asked } = scripted([[]], ['open'], {
      random: () => 0.5,
      labelSelector: 'a=b',
      fieldSelector: 'c=d',
      namespace: 'n',
    });
    informer.start();
    await clock.advance(0);
    expect(asked[0]).toEqual({
      resourceVersion: 'list-1',
      timeoutSeconds: 450,
      idleMs: 150_000,
      labelSelector: 'a=b',
      fieldSelector: 'c=d',
      namespace: 'n',
    });
    await informer.stop();
  });

  it('reminds of all objects every ten minutes or so, and survives a handler that throws', async () => {
    let told = 0;
    const { informer, clock, failedHandlers } = scripted([[object('a', '1'), object('b', '1')]], ['open'], {
      onEvent: () => {
        told += 1;
        throw new Error('a bug');
      },
    });
    informer.start();
    await clock.advance(539_000);
    expect(told).toBe(2);
    await clock.advance(2000);
    expect(told).toBe(4);
    expect(failedHandlers()).toBe(4);
    expect(informer.list()).toHaveLength(2);
    await informer.stop();
    await clock.advance(2_000_000);
    expect(told).toBe(4);
    expect(clock.waiting).toBe(0);
  });

  it('is silent once it was stopped, and may start again', async () => {
    const { informer, clock, told, restarts } = scripted(
      [[object('a', '1')], [object('b', '2')]],
      ['open', [expired], 'open'],
    );
    await informer.stop();
    informer.start();
    await clock.advance(0);
    await Promise.all([informer.stop(), informer.stop()]);
    expect(restarts).toEqual([]);
    informer.start();
    await clock.advance(0);
    expect(told()).toEqual(['Added a@1', 'Deleted a@1', 'Added b@2']);
    const [event] = informer.list();
    expect(() => ((event as KubeObject).metadata.name = 'x')).toThrow(TypeError);
    await informer.stop();
  });

  it('stops in the middle of what a list brought', async () => {
    const seen: string[] = [];
    const { informer, clock } = scripted([[object('a', '1'), object('b', '1')]], ['open'], {
      onEvent: ({ object: { metadata } }) => {
        seen.push(metadata.name);
        void informer.stop();
      },
    });
    informer.start();
    await clock.advance(0);
    await informer.stop();
    expect(seen).toEqual(['a']);
  });
});
