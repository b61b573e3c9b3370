import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { KubeError, type KubeObject } from './kube.ts';
import { noMetrics } from './runtime-metrics.ts';
import type { Status, StatusRef, StatusWriterOptions } from './status-writer.ts';
import { StatusWriter } from './status-writer.ts';
import { FakeClock, settle } from './testing/fake-clock.ts';

const ref: StatusRef = { apiVersion: 'x/v1', kind: 'Thing', plural: 'things', namespace: 'n', name: 'a', uid: 'u' };

/** An object whose status is kept; the next writes fail as told. */
function world(options: Partial<StatusWriterOptions> = {}) {
  const clock = new FakeClock();
  const failures: Error[] = [];
  const writes: { at: number; status: Status; patch: unknown }[] = [];
  const outcomes: string[] = [];
  let live: KubeObject | undefined = {
    apiVersion: 'x/v1',
    kind: 'Thing',
    metadata: { name: 'a', uid: 'u', resourceVersion: '1' },
  };
  const writer = new StatusWriter({
    log: pino({ level: 'silent' }),
    clock,
    metrics: { ...noMetrics, statusWritten: (outcome) => void outcomes.push(outcome) },
    kube: {
      get: () => Promise.resolve(structuredClone(live)),
      patchStatus: (_ref, patch, { resourceVersion } = {}) => {
        const failure = failures.shift();
        if (failure) return Promise.reject(failure);
        expect(resourceVersion).toBe(live?.metadata.resourceVersion);
        const status = merged((live?.['status'] ?? {}) as Status, patch as Status);
        writes.push({ at: clock.now(), status, patch });
        live = {
          ...(live as KubeObject),
          metadata: { ...(live as KubeObject).metadata, resourceVersion: String(writes.length + 1) },
          status,
        };
        return Promise.resolve(live);
      },
    },
    isFinal: ({ phase }) => ['Completed', 'Failed', 'Suspended'].includes(phase as string),
    ...options,
  });
  return { clock, failures, writes, outcomes, writer, replace: (object: KubeObject | undefined) => (live = object) };
}

function merged(target: Status, patch: Status): Status {
  const result: Status = { ...target };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else if (typeof value === 'object' && !Array.isArray(value))
      result[name] = merged((result[name] ?? {}) as Status, value as Status);
    else result[name] = value;
  }
  return result;
}

describe('a status writer', () => {
  it('writes the first at once, then the last of what came, every ten seconds at most', async () => {
    const { writer, writes, clock } = world();
    for (let second = 0; second < 25; second += 1) {
      writer.write(ref, { phase: 'Running', progress: second });
      await clock.advance(1000);
    }
    expect(writes.map(({ at, status }) => [at, status['progress']])).toEqual([
      [0, 0],
      [10_000, 9],
      [20_000, 19],
    ]);
    await clock.advance(10_000);
    expect(writes.at(-1)).toMatchObject({ at: 30_000, status: { progress: 24 } });
    await clock.advance(60_000);
    expect(writes).toHaveLength(4);
  });

  it.each(['Completed', 'Failed', 'Suspended'])('writes %s at once, but only when it becomes so', async (phase) => {
    const { writer, writes, clock } = world();
    writer.write(ref, { phase: 'Running' });
    await clock.advance(1000);
    writer.write(ref, { phase, n: 1 });
    await clock.advance(1000);
    expect(writes.map(({ at }) => at)).toEqual([0, 1000]);
    writer.write(ref, { phase, n: 2 });
    await clock.advance(9000);
    expect(writes.map(({ at }) => at)).toEqual([0, 1000, 11_000]);
  });

  it('writes an end at once that came while another write was under way', async () => {
    const { writer, writes } = world();
    writer.write(ref, { phase: 'Running' });
    writer.write(ref, { phase: 'Completed' });
    await settle();
    await settle();
    expect(writes.map(({ status }) => status['phase'])).toEqual(['Running', 'Completed']);
  });

  it('takes away what is no longer there and writes nothing that is there already', async () => {
    const { writer, writes, clock, outcomes } = world();
    writer.write(ref, { phase: 'Running', best: { run: 'x' }, finishedAt: undefined });
    await clock.advance(10_000);
    writer.write(ref, { phase: 'Running' });
    await clock.advance(10_000);
    expect(writes.at(-1)?.patch).toEqual({ best: null });
    writer.write(ref, { phase: 'Running' });
    await clock.advance(1000);
    expect(writes).toHaveLength(2);
    expect(outcomes).toEqual(['written', 'written', 'unchanged']);
    // What was not written makes nothing wait.
    writer.write(ref, { phase: 'Running', n: 1 });
    await clock.advance(0);
    expect(writes).toHaveLength(3);
  });

  it('tries again later what was refused for other reasons than what it holds', async () => {
    const { writer, writes, failures, clock } = world();
    failures.push(new KubeError(403, 'Forbidden', 'no rights just now'));
    writer.write(ref, { phase: 'Completed' });
    await clock.advance(0);
    expect(writes).toHaveLength(0);
    await clock.advance(10_000);
    expect(writes).toHaveLength(1);
  });

  it('reads again after a conflict, and tries again later when the server is away', async () => {
    const { writer, writes, failures, clock } = world();
    failures.push(new KubeError(409, 'Conflict', 'changed'), new KubeError(0, 'Unreachable', 'gone'));
    writer.write(ref, { phase: 'Running' });
    await clock.advance(0);
    expect(writes).toHaveLength(0);
    await clock.advance(10_000);
    expect(writes).toHaveLength(1);
    failures.push(...Array.from({ length: 5 }, () => new KubeError(409, 'Conflict', 'changed')));
    writer.write(ref, { phase: 'Completed' });
    await clock.advance(10_000);
    expect(writes.at(-1)?.status).toEqual({ phase: 'Completed' });
  });

  it('gives up what the server refuses, and takes the next', async () => {
    const { writer, writes, failures, outcomes, clock } = world();
    failures.push(new KubeError(422, 'Invalid', 'status.phase: Unsupported value'));
    writer.write(ref, { phase: 'Nonsense' });
    await clock.advance(30_000);
    expect(outcomes).toEqual(['failed']);
    writer.write(ref, { phase: 'Running' });
    await clock.advance(0);
    expect(writes).toHaveLength(1);
  });

  it('lets go of an object that is gone, or another of the same name', async () => {
    const { writer, writes, failures, outcomes, clock, replace } = world();
    failures.push(new KubeError(404, 'NotFound', 'gone'));
    writer.write(ref, { phase: 'Running' });
    await clock.advance(10_000);
    replace({ apiVersion: 'x/v1', kind: 'Thing', metadata: { name: 'a', uid: 'another', resourceVersion: '7' } });
    writer.write(ref, { phase: 'Failed' });
    await clock.advance(10_000);
    replace(undefined);
    writer.write(ref, { phase: 'Running' });
    await clock.advance(10_000);
    expect(outcomes).toEqual(['gone', 'gone', 'gone']);
    expect(writes).toEqual([]);
  });

  it('cuts lists to size, and refuses what is too large even then', async () => {
    const { writer, writes, outcomes, clock } = world({ maxBytes: 300, cut: ['recentRuns', 'frontier'] });
    const list = Array.from({ length: 10 }, (_, index) => ({ run: `run-${index}`, message: 'x'.repeat(20) }));
    writer.write(ref, { phase: 'Running', recentRuns: list, frontier: list.slice(0, 3) });
    await clock.advance(10_000);
    const { recentRuns, frontier } = (writes[0] as { status: Status }).status as {
      recentRuns: { run: string }[];
      frontier: unknown[];
    };
    expect(frontier).toHaveLength(3);
    expect(recentRuns).toEqual(list.slice(0, 2));
    expect(JSON.stringify(writes[0]?.status).length).toBeLessThanOrEqual(300);
    expect(list).toHaveLength(10);
    writer.write(ref, { phase: 'Running', message: 'x'.repeat(300) });
    await clock.advance(10_000);
    expect(outcomes).toEqual(['written', 'refused']);
  });

  it('flushes what waits, and forgets what need not be written', async () => {
    const { writer, writes, clock } = world();
    writer.write(ref, { n: 1 });
    writer.write(ref, { n: 2 });
    await writer.flush();
    expect(writes.map(({ status }) => status['n'])).toEqual([1, 2]);
    writer.write(ref, { n: 2, phase: 'Running' });
    await clock.advance(10_000);
    writer.write(ref, { n: 2, phase: 'Completed' });
    writer.write(ref, { n: 2, phase: 'Failed' });
    await writer.flush();
    expect(writes.at(-1)?.status).toEqual({ n: 2, phase: 'Failed' });
    writer.write(ref, { n: 3 });
    writer.forget(ref);
    writer.forget(ref);
    await clock.advance(60_000);
    await writer.flush();
    expect(writes).toHaveLength(5);
    expect(clock.waiting).toBe(0);
  });

  it('keeps its promise for any sequence: the last value is written, and no two writes but ends are close', async () => {
    const { writer, writes, clock } = world();
    const phases = ['Running', 'Preparing', 'Running', 'Completed', 'Running', 'Failed'];
    for (let step = 0; step < 300; step += 1) {
      writer.write(ref, { phase: phases[(step * 7) % 5 === 0 ? step % 6 : 0], step });
      await clock.advance((step * 37) % 5000);
    }
    await clock.advance(20_000);
    expect(writes.at(-1)?.status['step']).toBe(299);
    for (const [index, { at, status }] of writes.entries()) {
      const previous = writes[index - 1];
      if (!previous || status['phase'] === 'Completed' || status['phase'] === 'Failed') continue;
      expect(at - previous.at).toBeGreaterThanOrEqual(10_000);
    }
  });
});
