import { describe, expect, it } from 'vitest';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { startStub, type StubBehaviour } from '../testing/stub-qdrant.ts';
import { judgePoll, waitUntilReady, type Observation } from './readiness.ts';

describe('judgePoll', () => {
  it.each<[string, Observation, string]>([
    ['green', { info: { status: 'green' } }, 'Ready'],
    [
      'green with everything done',
      {
        info: { status: 'green', optimizer_status: 'ok', update_queue: { length: 0, deferred_points: null } },
        optimizations: { summary: { queued_optimizations: 0 }, running: [] },
        count: 10,
      },
      'Ready',
    ],
    ['yellow', { info: { status: 'yellow' } }, 'Waiting: status yellow'],
    ['grey', { info: { status: 'grey' } }, 'Grey'],
    ['red', { info: { status: 'red' } }, 'Broken: status red without a reason'],
    ['an optimizer error', { info: { status: 'green', optimizer_status: { error: 'no space' } } }, 'Broken: no space'],
    ['queued updates', { info: { status: 'green', update_queue: { length: 3 } } }, 'Waiting: 3 updates queued'],
    [
      'deferred points',
      { info: { status: 'green', update_queue: { length: 0, deferred_points: 5 } } },
      'Waiting: 5 points deferred',
    ],
    [
      'queued optimizations',
      { info: { status: 'green' }, optimizations: { summary: { queued_optimizations: 2 } } },
      'Waiting: 2 optimizations queued',
    ],
    [
      'running optimizations',
      { info: { status: 'green' }, optimizations: { running: [{}] } },
      'Waiting: 1 optimizations running',
    ],
    ['missing points', { info: { status: 'green' }, count: 9 }, 'Waiting: 9 of 10 points visible'],
  ])('%s', (_, seen, expected) => {
    const verdict = judgePoll(seen, 10);
    expect('why' in verdict ? `${verdict.kind}: ${verdict.why}` : verdict.kind).toBe(expected);
  });
});

describe('waitUntilReady', () => {
  async function wait(behaviour: Partial<StubBehaviour>, timeoutSeconds = 20) {
    const stub = await startStub(behaviour);
    for (let id = 0; id < 10; id += 1) stub.points.set(id, [id]);
    const rest = new Rest({ url: stub.url, collection: 'c' }, 2, ANYWHERE);
    const whys: string[] = [];
    try {
      const ready = await waitUntilReady(rest, {
        collection: 'c',
        points: 10,
        timeoutSeconds,
        pollMilliseconds: 1,
        onProgress: (_, why) => whys.push(why),
      });
      return { ready, whys, seen: stub.seen };
    } finally {
      await rest.close();
      await stub.close();
    }
  }

  it('needs three ready polls in a row: green may blink before the optimizer starts', async () => {
    const { ready, whys, seen } = await wait({ statuses: ['green', 'green', 'yellow', 'green'] });
    expect(whys).toEqual(['status yellow']);
    expect(seen.filter((line) => line === 'GET /collections/c').length).toBe(6);
    expect(ready.indexedSeconds).toBeLessThanOrEqual(ready.stableSeconds);
    // An older server without the endpoint is asked for it once.
    expect(seen.filter((line) => line.endsWith('/optimizations')).length).toBe(1);
  });

  it('waits for queued updates, optimizations and points that are not visible yet', async () => {
    const { whys } = await wait({
      updateQueue: [{ length: 2 }, { length: 0, deferred_points: 1 }, { length: 0 }],
      optimizations: [
        { queued: 0, running: 0 },
        { queued: 0, running: 0 },
        { queued: 1, running: 0 },
        { queued: 0, running: 1 },
        { queued: 0, running: 0 },
      ],
      hidden: [4, 0],
    });
    expect(whys).toEqual([
      '2 updates queued',
      '1 points deferred',
      '1 optimizations queued',
      '1 optimizations running',
      '6 of 10 points visible',
    ]);
  });

  it('wakes a grey collection by an empty change', async () => {
    const { seen } = await wait({ statuses: ['grey', 'green'] });
    expect(seen.filter((line) => line === 'PATCH /collections/c').length).toBe(1);
  });

  it('reports what broke, and what it was waiting for when the time is over', async () => {
    await expect(wait({ statuses: ['red'] })).rejects.toMatchObject({ reason: 'BuildFailed' });
    await expect(wait({ optimizerError: 'out of disk' })).rejects.toThrow(/the server reports: out of disk/);
    await expect(wait({ statuses: ['yellow'] }, 0.05)).rejects.toThrow(/not ready after 0.05 s \(status yellow\)/);
  });

  it('passes a refusal on', async () => {
    await expect(
      wait({ faults: [({ path }) => (path.endsWith('/optimizations') ? { status: 403, body: 'forbidden' } : 'none')] }),
    ).rejects.toThrow(/HTTP 403: the API key is refused/);
  });
});
