import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { LeaderElection, type LeaderElectionOptions, type Leadership, LeadershipLost } from './leader-election.ts';
import { noMetrics } from './runtime-metrics.ts';
import { FakeClock, settle } from './testing/fake-clock.ts';
import { type Journey, SimulatedLeaseServer, skewed } from './testing/simulated-lease.ts';

const log = pino({ level: 'silent' });
const never = new AbortController().signal;

function scene() {
  const world = new FakeClock();
  const server = new SimulatedLeaseServer(world);
  let network: Journey = { there: 10, back: 10 };
  const gauge: string[] = [];
  const candidate = (identity: string, options: Partial<LeaderElectionOptions> = {}) => {
    const election = new LeaderElection({
      kube: server.client(() => network),
      namespace: 'n',
      name: 'l',
      identity,
      log,
      clock: world,
      random: () => 0,
      metrics: { ...noMetrics, leading: (name, leads) => void gauge.push(`${identity} ${name} ${leads}`) },
      ...options,
    });
    const leading: { leadership?: Leadership; error?: unknown } = {};
    const acquired = (signal = never) =>
      void election.acquire(signal).then(
        (leadership) => (leading.leadership = leadership),
        (error: unknown) => (leading.error = error),
      );
    return { election, leading, acquired };
  };
  return { world, server, gauge, candidate, network: (journey: Journey) => void (network = journey) };
}
const spec = (server: SimulatedLeaseServer) => server.lease?.['spec'] as Record<string, unknown>;

describe('an election', () => {
  it('makes the first candidate the leader, which renews, and keeps others waiting', async () => {
    const { world, server, candidate, gauge } = scene();
    const [a, b] = [candidate('a'), candidate('b')];
    a.acquired();
    await world.advance(100);
    b.acquired();
    await world.advance(300_000);
    expect(a.leading.leadership?.term).toBe(0);
    expect([a.election.leads, b.election.leads]).toEqual([true, false]);
    expect(spec(server)).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
    expect(spec(server)['acquireTime']).toBe('1970-01-01T00:00:00.020000Z');
    expect(Date.parse(spec(server)['renewTime'] as string)).toBeGreaterThan(297_000);
    expect(gauge).toEqual(['a l false', 'b l false', 'a l true']);
  });

  it('only looks while it may not take the lease, and what it has seen by then counts', async () => {
    const { world, candidate, network } = scene();
    const a = candidate('a');
    let warm = false;
    const b = candidate('b', { mayTake: () => warm });
    a.acquired();
    await world.advance(100);
    b.acquired();
    await world.advance(10_000);
    network({ there: undefined, back: undefined });
    await world.advance(30_000);
    expect(a.election.leads).toBe(false);
    network({ there: 10, back: 10 });
    await world.advance(60_000);
    expect(b.election.leads).toBe(false);
    warm = true;
    await world.advance(2500);
    expect(b.election.leads).toBe(true);
  });

  it('gives the lease at once to the next when it is let go of, under a new term', async () => {
    const { world, server, candidate } = scene();
    const [a, b] = [candidate('a'), candidate('b')];
    a.acquired();
    await world.advance(100);
    b.acquired();
    await world.advance(60_000);
    const released = a.election.release();
    await world.advance(100);
    await released;
    expect(a.election.leads).toBe(false);
    // Nobody took it from it: it was given.
    expect(a.leading.leadership?.lost.aborted).toBe(false);
    await world.advance(2500);
    expect(b.leading.leadership?.term).toBe(1);
    await a.election.release();
    expect(spec(server)['holderIdentity']).toBe('b');
  });

  it('gives the lease to the next when its holder is silent for its whole length, not before', async () => {
    const { world, candidate, server } = scene();
    let dead = false;
    const lost = { there: undefined, back: undefined };
    const a = candidate('a', { kube: server.client(() => (dead ? lost : { there: 10, back: 10 })) });
    const b = candidate('b');
    a.acquired();
    await world.advance(100);
    b.acquired();
    await world.advance(10_000);
    dead = true;
    const since = world.now();
    await world.advance(12_000);
    // It knows before anybody else may begin.
    expect(a.election.leads).toBe(false);
    expect(a.leading.leadership?.lost.reason).toBeInstanceOf(LeadershipLost);
    expect(String(a.leading.leadership?.lost.reason)).toContain('could not be renewed in time');
    expect(b.election.leads).toBe(false);
    await world.advance(8000);
    expect(b.election.leads).toBe(true);
    expect(world.now() - since).toBeLessThanOrEqual(20_000);
  });

  it('lets a leader miss answers, and go on when its renewal had arrived all the same', async () => {
    const { world, candidate, network } = scene();
    const a = candidate('a');
    a.acquired();
    await world.advance(3000);
    network({ there: 10, back: undefined });
    await world.advance(6000);
    network({ there: 10, back: 10 });
    await world.advance(60_000);
    expect(a.election.leads).toBe(true);
  });

  it('takes up its own lease when only the answer was lost', async () => {
    const { world, candidate, network, server } = scene();
    network({ there: 10, back: undefined });
    const a = candidate('a');
    a.acquired();
    await world.advance(4000);
    network({ there: 10, back: 10 });
    await world.advance(20_000);
    expect(a.leading.leadership?.term).toBe(0);
    expect(server.lease?.metadata.resourceVersion).not.toBe('1');
  });

  it('lets the lease of a leader run out whose work has come to a halt', async () => {
    const { world, candidate } = scene();
    let why = '';
    const a = candidate('a', { stuck: () => why });
    a.acquired();
    await world.advance(30_000);
    why = 'sweep x does not end';
    await world.advance(6000);
    why = '';
    await world.advance(30_000);
    // A moment's halt is none.
    expect(a.election.leads).toBe(true);
    why = 'sweep x does not end';
    await world.advance(12_000);
    expect(a.leading.leadership?.lost.aborted).toBe(true);
  });

  it('ends a term at once when another has the lease, or somebody deleted it', async () => {
    for (const steal of ['another process has', 'somebody deleted']) {
      const { world, candidate, server, gauge } = scene();
      const a = candidate('a');
      a.acquired();
      await world.advance(5000);
      const { lease } = server;
      if (!lease) throw new Error('no lease');
      const stolen = {
        ...lease,
        metadata: { ...lease.metadata, resourceVersion: 'x' },
        spec: { holderIdentity: 'thief' },
      };
      server.lease = steal === 'somebody deleted' ? undefined : stolen;
      await world.advance(2100);
      expect(String(a.leading.leadership?.lost.reason)).toContain(`${steal} the lease`);
      expect(gauge.at(-1)).toBe('a l false');
      await world.advance(60_000);
      expect(a.election.leads).toBe(false);
      expect(world.waiting).toBe(0);
    }
  });

  it('begins beyond the latest term that anybody knows of, and not without knowing it', async () => {
    const { world, candidate, server } = scene();
    let known: number | undefined;
    const latestTerm = () =>
      known === undefined ? Promise.reject(new Error('Postgres is away')) : Promise.resolve(known);
    const a = candidate('a', { latestTerm });
    a.acquired();
    await world.advance(10_000);
    expect(server.lease).toBeUndefined();
    known = 41;
    await world.advance(5000);
    expect(a.leading.leadership?.term).toBe(42);
    expect(spec(server)['leaseTransitions']).toBe(42);
  });

  it('is given up when the process ends, while it waits for a lease or an answer', async () => {
    for (const journey of [
      { there: 10, back: 10 },
      { there: undefined, back: undefined },
    ]) {
      const { world, candidate, network } = scene();
      const a = candidate('a');
      a.acquired();
      await world.advance(1000);
      network(journey);
      const b = candidate('b');
      const stop = new AbortController();
      b.acquired(stop.signal);
      await world.advance(1000);
      stop.abort(new Error('SIGTERM'));
      await settle();
      expect(String(b.leading.error)).toBe('Error: SIGTERM');
      await b.election.release();
      expect(b.election.leads).toBe(false);
    }
  });

  it('is not let go of when nobody answers, and says so without failing', async () => {
    const { world, candidate, network, server } = scene();
    const a = candidate('a');
    a.acquired();
    await world.advance(1000);
    network({ there: undefined, back: undefined });
    const released = a.election.release();
    await world.advance(5000);
    await released;
    expect(a.election.leads).toBe(false);
    expect(spec(server)['holderIdentity']).toBe('a');
  });

  it('refuses times with which two could lead', () => {
    const settings = { durationMs: 10_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000 };
    expect(() => scene().candidate('a', { settings })).toThrow('two could lead at once');
  });
});

describe('of candidates with clocks that differ, over a network that loses and delays', () => {
  const fault = fc.record({
    who: fc.nat(2),
    from: fc.nat(120_000),
    length: fc.nat(40_000),
    what: fc.constantFrom('requests lost', 'answers lost', 'slow', 'patchy', 'process ends', 'lets go'),
  });
  // Every ten minutes a second off would be a bad clock; here it is one in ten.
  const clock = fc.record({
    offset: fc.integer({ min: -1e9, max: 1e9 }),
    rate: fc.double({ min: 0.9, max: 1.1, noNaN: true }),
  });

  it('never do two lead at once, terms only grow, and in the end one leads', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 8 }),
        fc.tuple(clock, clock, clock),
        fc.infiniteStream(fc.nat(999)),
        async (faults, clocks, random) => {
          const world = new FakeClock();
          const server = new SimulatedLeaseServer(world);
          const draw = (): number => Number(random.next().value) / 1000;
          const terms: number[] = [];
          const processes: (LeaderElection | undefined)[] = [];
          const check = (): void => {
            const leaders = processes.filter((election) => election?.leads);
            expect(leaders.length).toBeLessThanOrEqual(1);
          };
          const active = (who: number, what: string): boolean =>
            faults.some(
              (one) =>
                one.who === who && one.what === what && world.now() >= one.from && world.now() < one.from + one.length,
            );
          const journey = (who: number) => (): Journey => {
            check();
            const way = (): number => draw() * (active(who, 'slow') ? 7000 : 50);
            const patchy = active(who, 'patchy') && draw() < 0.5;
            const there = active(who, 'requests lost') || (patchy && draw() < 0.5) ? undefined : way();
            return { there, back: active(who, 'answers lost') || patchy ? undefined : way() };
          };
          let born = 0;
          const run = (who: number): void => {
            const { offset, rate } = clocks[who] as { offset: number; rate: number };
            const dead = { there: undefined, back: undefined };
            const way = journey(who);
            const election: LeaderElection = new LeaderElection({
              // A process that has ended is heard of no more.
              kube: server.client(() => (processes[who] === election ? way() : dead)),
              namespace: 'n',
              name: 'l',
              identity: `${who}-${(born += 1)}`,
              log,
              clock: skewed(world, offset, rate),
              random: draw,
            });
            processes[who] = election;
            const stop = new AbortController();
            stops[who] = stop;
            void election.acquire(stop.signal).then(
              ({ term, lost }) => {
                check();
                terms.push(term);
                // A process that lost its lease ends, and is started again.
                lost.addEventListener('abort', () => processes[who] === election && run(who));
              },
              () => undefined,
            );
          };
          const stops: AbortController[] = [];
          for (const who of [0, 1, 2]) run(who);
          for (const { who, from, what } of faults) {
            if (what === 'process ends') world.after(from, () => (stops[who]?.abort(new Error('killed')), run(who)));
            else if (what === 'lets go') {
              world.after(from, () => {
                const election = processes[who];
                void election
                  ?.release()
                  .then(() => processes[who] === election && (stops[who]?.abort(new Error('over')), run(who)));
              });
            }
          }
          for (let tick = 0; tick < 1800; tick += 1) {
            await world.advance(125);
            check();
          }
          expect(processes.filter((election) => election?.leads)).toHaveLength(1);
          expect(terms).toEqual([...new Set(terms)].toSorted((a, b) => a - b));
          expect(terms.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});
