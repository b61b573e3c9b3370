import { describe, expect, it } from 'vitest';
import type { Ending, OnEnd, WriteKind } from './client.ts';
import type { ExtraPoints } from './extra-points.ts';
import { LatencyHistogram } from './histogram.ts';
import { runWindow } from './open-loop.ts';
import { windowArrivals } from './schedule.ts';
import { judgeWrites, windowWrites, writesLimit, type WritesPlan } from './writes.ts';
import type { WriteMeasurement } from './write-stream.ts';

/** Answers everything after a moment; a written point is found from the `looks`-th search on. */
function target(options: { ending?: (kind: WriteKind, tag: number) => Ending | 'never'; looks?: number } = {}) {
  const written: string[] = [];
  let looks = 0;
  return {
    written,
    searches: 0,
    send(body: Buffer, tag: number, onEnd: OnEnd) {
      this.searches += 1;
      const probe = /has_id":\[(\d+)\]/.exec(String(body))?.[1];
      if (probe !== undefined) looks += 1;
      const found = looks > (options.looks ?? 0) ? Number(probe ?? 0) : -1;
      setTimeout(() => {
        if (found !== -1) looks = 0;
        onEnd(tag, 'ok', Int32Array.of(found));
      }, 1);
    },
    write(kind: WriteKind, body: Buffer, tag: number, onEnd: OnEnd) {
      written.push(`${kind} ${String(body)}`);
      const ending = options.ending?.(kind, tag) ?? 'ok';
      if (ending !== 'never') setTimeout(() => onEnd(tag, ending, new Int32Array(0)), 1);
    },
  };
}

/** Four batches of one point, ids from 100; what is deleted is handed out until it is gone. */
function extras(deletable = Infinity) {
  let turn = -1;
  let probe = 199;
  let left = deletable;
  const acknowledged: [number, boolean][] = [];
  return {
    acknowledged,
    nextBatch: () => (turn = (turn + 1) % 4),
    body: (batch: number) => Buffer.from(`batch ${batch}`),
    firstVector: () => Buffer.from('[1]'),
    nextProbe: () => (probe += 1),
    bodyWithProbe: (batch: number, id: number) => Buffer.from(`batch ${batch} as ${id}`),
    written: (batch: number, sampled: boolean) => acknowledged.push([batch, sampled]),
    takeForDelete: () => (left-- > 0 ? 100 : undefined),
  };
}

async function window(
  sender: ReturnType<typeof target>,
  points: ReturnType<typeof extras>,
  changes: Partial<WritesPlan> & { seconds?: number } = {},
) {
  const seconds = changes.seconds ?? 0.5;
  const plan: WritesPlan = {
    sender,
    extras: points as unknown as ExtraPoints,
    writes: { upserts: { rate: 100, batch: 1 }, deletes: { rate: 40 } },
    seed: 1,
    window: 0,
    leadSeconds: 0,
    seconds,
    searchRate: 200,
    ...changes,
  };
  return await runWindow({
    sender,
    bodies: [Buffer.from('search')],
    order: Uint32Array.of(0),
    orderStart: 0,
    arrivals: windowArrivals(200, seconds, 1),
    rate: 200,
    leadSeconds: plan.leadSeconds,
    seconds,
    maxInFlight: 64,
    limit: 1,
    maxBacklog: 10_000,
    latency: [],
    drainSeconds: 1,
    writes: windowWrites(plan),
  });
}

describe('windowWrites', () => {
  it('writes beside the searches, each stream at its own rate, and finds what it wrote', async () => {
    const sender = target({ looks: 2 });
    const points = extras();
    const measured = await window(sender, points, { seconds: 1 });
    expect(measured).toMatchObject({ scheduled: 200, errorCount: 0 });
    expect(measured.response.count).toBe(200);
    const { upserts, deletes, freshness } = measured.writes ?? {};
    expect(upserts).toMatchObject({ rate: 100, errorCount: 0, exhausted: 0 });
    expect(upserts?.scheduled).toBeGreaterThan(60);
    expect(upserts?.scheduled).toBeLessThan(140);
    expect(upserts?.sent).toBe(upserts?.scheduled);
    expect(upserts?.response.count).toBe(upserts?.scheduled);
    expect(deletes?.scheduled).toBeGreaterThan(15);
    expect(deletes?.response.count).toBe(deletes?.scheduled);
    // Response = lateness + service, whatever the machine does meanwhile.
    expect(upserts?.response.max).toBeGreaterThanOrEqual(upserts?.service.max ?? Infinity);
    const sent = sender.written.filter((text) => text.startsWith('upserts'));
    expect(sent).toHaveLength(upserts?.scheduled as number);
    expect(points.acknowledged.map(([batch]) => batch % 4)).toHaveLength(sent.length);
    const samples = sent.filter((text) => text.includes(' as '));
    expect(new Set(samples).size).toBe(samples.length);
    expect(freshness?.sinceAcknowledged.count).toBe(samples.length);
    expect(samples.length).toBeGreaterThan(0);
    expect(freshness?.missed).toBe(0);
    // Found by the third look, so after two pauses at least.
    expect(freshness?.sinceAcknowledged.percentile(0)).toBeGreaterThan(2);
    expect(freshness?.sinceSent.percentile(50)).toBeGreaterThan(
      freshness?.sinceAcknowledged.percentile(50) ?? Infinity,
    );
    expect(judgeWrites(measured.writes, { errorRateMax: 0 })).toBeUndefined();
  });

  it('is the same for the same seed and window, and another for another window', async () => {
    const scheduled = async (number: number) => {
      const { writes } = await window(target(), extras(), { window: number, seconds: 0.4 });
      return [writes?.upserts?.scheduled, writes?.deletes?.scheduled].join();
    };
    const [first, again, ...others] = await Promise.all([0, 0, 1, 2, 3, 4].map(scheduled));
    expect(again).toBe(first);
    expect(new Set(others).size).toBeGreaterThan(1);
  });

  it('counts errors by kind, those never answered, and ends', async () => {
    const ending = (kind: WriteKind, tag: number) =>
      kind === 'deletes' ? 'ok' : tag % 5 === 0 ? 'http503' : tag === 1 ? 'never' : ('ok' as const);
    const measured = await window(target({ ending }), extras());
    const { upserts } = measured.writes ?? {};
    expect(upserts?.errors.unanswered).toBe(1);
    expect(upserts?.errors.http503).toBeGreaterThan(1);
    expect(upserts?.errorCount).toBe(1 + (upserts?.errors.http503 ?? 0));
    expect(judgeWrites(measured.writes, { errorRateMax: 0.01 })).toMatchObject({
      kind: 'Writes',
      message: expect.stringMatching(/^\d+ of \d+ upserts failed \(http503 \d+, unanswered 1\)$/) as string,
    });
    expect(judgeWrites(measured.writes, { errorRateMax: 0.9 })).toBeUndefined();
  });

  it('records a point that is never found with the time it had, and says so', async () => {
    const measured = await window(target({ looks: Infinity }), extras(), { seconds: 0.3 });
    expect(measured.writes?.freshness).toMatchObject({ missed: 1 });
    expect(measured.writes?.freshness?.sinceAcknowledged.max).toBeGreaterThan(100);
  });

  it('does not count the lead, nor pretend to delete what is not there', async () => {
    const measured = await window(target(), extras(3), { leadSeconds: 0.25, writes: { deletes: { rate: 60 } } });
    const deletes = measured.writes?.deletes;
    expect(deletes?.exhausted).toBeGreaterThan(3);
    expect(deletes?.sent).toBeLessThanOrEqual(3);
    expect(measured.writes?.freshness).toBeUndefined();
    expect(writesLimit(measured.writes)).toContain('lower workload.writes.deletes.rate');
    expect(writesLimit({})).toBeUndefined();
  });
});

describe('judgeWrites', () => {
  const stream = (changes: Partial<WriteMeasurement>): WriteMeasurement => ({
    rate: 100,
    scheduled: 100,
    sent: 100,
    completed: 100,
    achievedRate: 100,
    errors: {},
    errorCount: 0,
    backlogStart: 0,
    backlogEnd: 0,
    exhausted: 0,
    response: new LatencyHistogram(),
    service: new LatencyHistogram(),
    lateness: new LatencyHistogram(),
    ...changes,
  });

  it.each([
    ['keep up', { backlogStart: 3, backlogEnd: 7 }, undefined],
    ['fall behind', { backlogStart: 3, backlogEnd: 8 }, 'unanswered deletes grew by 5 while 100 were due'],
    ['are many and a little behind', { scheduled: 1000, backlogEnd: 20 }, undefined],
  ])('looks whether writes %s', (_, changes, message) => {
    expect(judgeWrites({ deletes: stream(changes) }, { errorRateMax: 0 })?.message).toBe(message);
  });

  it('has nothing to say of nothing', () => expect(judgeWrites(undefined, { errorRateMax: 0 })).toBeUndefined());
});
