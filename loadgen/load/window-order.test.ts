import { describe, expect, it } from 'vitest';
import { RecallCounter } from '../evaluate/recall.ts';
import { mergeWindows } from '../peers/merge.ts';
import { AnswerCounter } from './answers.ts';
import type { OnEnd } from './client.ts';
import { playShare, type Means, type WindowOrder } from './window-order.ts';

/** Answers at once, rightly; `silent` ones never. */
function means(silent: (n: number) => boolean = () => false): Means & { asked: string[]; resets: number } {
  const queries = 8;
  const counter = new RecallCounter(
    {
      meta: { distance: 'Euclid' },
      truth: { k: 1, ids: new Int32Array(queries).fill(7), distances: new Float64Array(queries) },
      distance: () => Infinity,
    },
    queries,
    1,
  );
  const self = {
    asked: [] as string[],
    resets: 0,
    bodies: Array.from({ length: queries }, (_, query) => Buffer.from(String(query))),
    order: Uint32Array.from({ length: queries }, (_, query) => query),
    limit: 1,
    seed: 1,
    answers: new AnswerCounter(
      [counter],
      [1],
      Uint32Array.from({ length: queries }, (_, query) => query),
    ),
    client: {
      send: (body: Buffer, tag: number, onEnd: OnEnd) => {
        self.asked.push(body.toString());
        if (silent(self.asked.length)) return;
        setImmediate(() => onEnd(tag, 'ok', Int32Array.of(7)));
      },
      reset: () => {
        self.resets += 1;
        return Promise.resolve();
      },
    } as unknown as Means['client'],
  };
  return self;
}

const order = (load: WindowOrder['load'], changes: Partial<WindowOrder> = {}): WindowOrder => ({
  load,
  leadSeconds: 0.1,
  seconds: 0.4,
  drainSeconds: 1,
  stream: 16,
  orderStart: 3,
  maxInFlight: 64,
  maxBacklog: 10_000,
  latency: [],
  ...changes,
});

describe('a share of a window', () => {
  it.each(['Poisson', 'Constant'] as const)('with %s arrivals adds up to the whole load', async (arrivals) => {
    const load = { kind: 'Open', arrivals, rate: 250, profile: 'Constant' } as const;
    const all = [means(), means(), means()];
    const parts = await Promise.all(all.map((mine, pod) => playShare(order(load), mine, { pod, pods: 3 })));
    const merged = mergeWindows(parts.map(({ measured }) => measured));
    expect(merged.sentInAll).toBe(100);
    expect(merged.rate).toBeCloseTo(250, 9);
    expect(merged.response.count).toBe(merged.scheduled);
    // Each begins elsewhere, so that together they ask all queries alike.
    expect(all.map(({ asked }) => asked[0])).toEqual(['3', '5', '0']);
    const [first, ...others] = parts.map(({ tally }) => tally);
    for (const other of others) first?.absorb(other.entries());
    expect(first?.estimate()).toMatchObject({ value: 1, queries: 8 });
    expect(merged.series.reduce((sum, { achievedRate }) => sum + achievedRate, 0)).toBe(100);
    expect(merged.series.every(({ latency }) => (latency?.count ?? 0) > 0)).toBe(true);
  });

  it('of clients that wait has its part of them, also none', async () => {
    const load = { kind: 'Closed', concurrency: 2, expected: 1000 } as const;
    const parts = await Promise.all([0, 1, 2].map((pod) => playShare(order(load), means(), { pod, pods: 3 })));
    const inFlight = parts.map(({ measured }) => Math.round(measured.meanInFlight));
    expect(inFlight).toEqual([1, 1, 0]);
    expect(parts[2]?.measured.sentInAll).toBe(0);
  });

  it('breaks with what never answered, before the next one', async () => {
    const mine = means((n) => n === 5);
    const load = { kind: 'Open', arrivals: 'Constant', rate: 100, profile: 'Ramp' } as const;
    const { measured } = await playShare(order(load, { drainSeconds: 0.1, leadSeconds: 0 }), mine);
    expect(measured.errors).toEqual({ unanswered: 1 });
    expect(mine.resets).toBe(1);
    // A ramp offers 55 % of its rate.
    expect(measured.sentInAll).toBe(22);
  });
});
