import { afterEach, describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../load/histogram.ts';
import type { WindowMeasurement } from '../load/open-loop.ts';
import { mergeWindows } from './merge.ts';
import { tallyOf } from '../testing/answers.ts';
import { memoryWires, type Fate } from '../testing/memory-wires.ts';
import type { PlayedWindow, Share, WindowOrder } from '../load/window-order.ts';
import { Random } from '../random.ts';
import { follow, Leader, startSkew, type PlayPrepared, type Subject } from './barrier.ts';
import { PeerLink, PeerLost } from './link.ts';

const order: WindowOrder = {
  load: { kind: 'Open', arrivals: 'Poisson', rate: 100, profile: 'Constant' },
  leadSeconds: 0,
  seconds: 1,
  drainSeconds: 1,
  stream: 16,
  orderStart: 0,
  maxInFlight: 64,
  maxBacklog: 100,
  latency: [],
};
const subject: Subject = { arm: 0, params: { hnsw_ef: 32 } };

/** What pod n "measures": n + 1 answers of n + 1 ms, started now. */
function played({ pod, pods }: Share): PlayedWindow {
  const response = new LatencyHistogram();
  for (let n = 0; n <= pod; n += 1) {
    response.record(pod + 1);
  }
  const tally = tallyOf(
    8,
    Array.from({ length: pod + 1 }, () => [pod, 0.5] as const),
  );
  const measured: WindowMeasurement = {
    ...(mergeWindows([]) as WindowMeasurement),
    rate: 100 / pods,
    seconds: 1,
    startedAt: performance.now(),
    completed: pod + 1,
    scheduled: pod + 1,
    response,
    parts: [],
  };
  return { measured, tally };
}

const links: PeerLink[] = [];
afterEach(() => {
  for (const link of links.splice(0)) link.close();
});

interface Team {
  leader: Leader;
  link: PeerLink;
  followers: Promise<void>[];
  prepared: [number, Subject][];
  wires: ReturnType<typeof memoryWires>;
}

function team(
  pods: number,
  {
    fate,
    silence = 5000,
    prepare,
    abort = new AbortController(),
  }: {
    fate?: () => Fate;
    silence?: number;
    prepare?: (pod: number) => Promise<PlayPrepared>;
    abort?: AbortController;
  } = {},
): Team {
  const wires = memoryWires(pods, fate);
  const made = wires.wires.map((wire, pod) => new PeerLink({ wire, pod, pods, silence, beat: 20 }));
  links.push(...made);
  const prepared: [number, Subject][] = [];
  const followers = made.slice(1).map((link) =>
    follow(
      link,
      async (asked) => {
        prepared.push([link.pod, asked]);
        return prepare ? prepare(link.pod) : (_, share) => Promise.resolve(played(share));
      },
      abort.signal,
    ),
  );
  for (const follower of followers) follower.catch(() => undefined);
  return {
    leader: new Leader(made[0] as PeerLink, abort.signal),
    link: made[0] as PeerLink,
    followers,
    prepared,
    wires,
  };
}

const own: PlayPrepared = (_, share) => Promise.resolve(played(share));

describe('several load generators', () => {
  it('offer a window together, and what they bring is added up', async () => {
    const { leader, followers, prepared } = team(3);
    const { measured, pods, tally, skew } = await leader.play(subject, order, own);
    expect(pods).toHaveLength(3);
    expect(measured.completed).toBe(6);
    expect(measured.rate).toBeCloseTo(100, 9);
    expect(measured.response.count).toBe(6);
    expect(measured.response.max).toBeCloseTo(3, 1);
    expect(tally.entries()).toEqual([
      [0, 1, 0.5],
      [1, 2, 1],
      [2, 3, 1.5],
    ]);
    expect(skew?.milliseconds).toBeGreaterThanOrEqual(0);
    expect(skew?.uncertainty).toBeLessThan(Infinity);
    await leader.play({ arm: 1, params: {} }, order, own);
    expect(prepared.toSorted(([a], [b]) => a - b).map(([pod, { arm }]) => [pod, arm])).toEqual([
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
    ]);
    await leader.end();
    await Promise.all(followers);
  });

  it('do so over a wire that loses, repeats and delays', async () => {
    const random = new Random(4);
    const fates: Fate[] = ['arrives', 'arrives', 'lost', 'twice', 'late'];
    const { leader, followers } = team(3, { fate: () => fates[random.below(fates.length)] as Fate });
    for (let window = 0; window < 3; window += 1) {
      expect((await leader.play(subject, order, own)).measured.completed).toBe(6);
    }
    await leader.end();
    await Promise.all(followers);
  });

  it('start at a moment each has on its own clock', async () => {
    const starts: number[] = [];
    const slowly =
      (pod: number): PlayPrepared =>
      (_, share) => {
        starts[pod] = performance.now();
        return Promise.resolve(played(share));
      };
    // One takes its time to prepare; nobody starts before it is ready.
    let readyAt = 0;
    const { leader } = team(3, {
      prepare: async (pod) => {
        if (pod === 2) await new Promise((resolve) => setTimeout(resolve, 80));
        readyAt = performance.now();
        return slowly(pod);
      },
    });
    await leader.play(subject, order, slowly(0));
    for (const start of starts) expect(start).toBeGreaterThan(readyAt);
  });

  it('end Disrupted when one of them dies, and the others learn that the leader is gone', async () => {
    const { leader, wires, followers } = team(3, { silence: 1500 });
    await leader.play(subject, order, own);
    wires.dead.add(2);
    await expect(leader.play(subject, order, own)).rejects.toMatchObject({
      name: 'JobError',
      reason: 'Disrupted',
      message: expect.stringMatching(/^load generator 2 has been silent for \d+ s: killed, or cut off$/) as string,
    });
    wires.dead.add(0);
    await expect(followers[0]).rejects.toBeInstanceOf(PeerLost);
  });

  it('outlast a wire that is cut for longer than they would be silent', async () => {
    const { leader, wires, followers } = team(2, { silence: 1500 });
    await leader.play(subject, order, own);
    wires.cut.add(0).add(1);
    const playing = leader.play(subject, order, own);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    wires.cut.clear();
    expect((await playing).measured.completed).toBe(3);
    await leader.end();
    await Promise.all(followers);
  });

  it('end Disrupted when one fails, with what it said', async () => {
    const { leader, followers } = team(2, { prepare: () => Promise.reject(new Error('the dataset is gone')) });
    await expect(leader.play(subject, order, own)).rejects.toMatchObject({
      reason: 'Disrupted',
      message: 'load generator 1: the dataset is gone',
    });
    await expect(followers[0]).rejects.toThrow('the dataset is gone');
  });

  it.each<[string, unknown]>([
    ['nonsense', { type: 'part', number: 1 }],
    ['what nobody asked for', { type: 'ready', number: 7 }],
  ])('end Disrupted when one says %s', async (_, message) => {
    const { wires } = memoryWires(2);
    const [first, second] = wires.map((wire, pod) => new PeerLink({ wire, pod, pods: 2, beat: 20 })) as [
      PeerLink,
      PeerLink,
    ];
    links.push(first, second);
    second.onMessage(() => second.send(0, message));
    const leader = new Leader(first, new AbortController().signal);
    await expect(leader.play(subject, order, own)).rejects.toMatchObject({ reason: 'Disrupted' });
  });

  it('stop when told to', async () => {
    const abort = new AbortController();
    const { leader, followers } = team(2, { abort, prepare: () => new Promise(() => undefined) });
    const playing = leader.play(subject, order, () => Promise.reject(new Error('not reached')));
    abort.abort(new Error('enough'));
    links[0]?.close();
    await expect(Promise.race([playing, followers[0]])).rejects.toThrow('enough');
  });
});

describe('a link', () => {
  it('knows how far another clock is ahead, to within half of the way there and back', async () => {
    const { wires } = memoryWires(2);
    const [first, second] = wires.map((wire, pod) => new PeerLink({ wire, pod, pods: 2, beat: 20 })) as [
      PeerLink,
      PeerLink,
    ];
    links.push(first, second);
    await first.joined(new AbortController().signal);
    const { offset, uncertainty } = await first.clockOffset(1);
    // It is the same clock.
    expect(Math.abs(offset)).toBeLessThanOrEqual(uncertainty);
  });

  it('takes another process in the place of one for a loss, and rubbish for nothing', async () => {
    const { wires } = memoryWires(2);
    const first = new PeerLink({ wire: wires[0] as never, pod: 0, pods: 2, beat: 20 });
    const second = new PeerLink({ wire: wires[1] as never, pod: 1, pods: 2, beat: 20 });
    links.push(first, second);
    await first.joined(new AbortController().signal);
    wires[1]?.send(0, 'rubbish');
    wires[1]?.send(0, '{"session":1}');
    const waiting = first.whileAllLive(new Promise(() => undefined));
    const again = new PeerLink({ wire: wires[1] as never, pod: 1, pods: 2, beat: 20 });
    links.push(again);
    await expect(waiting).rejects.toThrow(/^load generator 1 was replaced/);
  });

  it('gives up one that sends what is no message', async () => {
    const { wires } = memoryWires(2);
    const first = new PeerLink({ wire: wires[0] as never, pod: 0, pods: 2, beat: 20 });
    links.push(first);
    wires[1]?.send(0, JSON.stringify({ session: 'x', ack: 0, piece: { seq: 1, last: true, text: '{' } }));
    await expect(first.whileAllLive(new Promise(() => undefined))).rejects.toThrow(
      /^load generator 1 sends what is no message/,
    );
  });
});

describe('startSkew', () => {
  it('is the spread of starts on one clock', () => {
    const clocks = [
      { offset: 0, uncertainty: 0 },
      { offset: 1000, uncertainty: 0.5 },
      { offset: -200, uncertainty: 2 },
    ];
    expect(startSkew([50, 1053, -148], clocks)).toEqual({ milliseconds: 3, uncertainty: 2 });
  });
});
