import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { type QueueOptions, WorkQueue } from './queue.ts';
import { type RunContext, TerminalError } from './reconcile.ts';
import { noMetrics, type RuntimeMetrics } from './runtime-metrics.ts';
import { FakeClock, settle } from './testing/fake-clock.ts';

interface Line {
  level: number;
  msg: string;
  queue: string;
  key: string;
  reconcileID: string;
  retryInMs?: number;
}

/** A log whose lines are kept. */
function kept() {
  const lines: Line[] = [];
  const log = pino({ level: 'debug', base: null }, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  return { lines, log };
}
const retriesOf = (lines: Line[]) => lines.flatMap(({ retryInMs }) => (retryInMs === undefined ? [] : [retryInMs]));

/** A queue whose runs last until they are told to end. */
function steered(options: Partial<QueueOptions> = {}) {
  const clock = new FakeClock();
  const runs: {
    key: string;
    context: RunContext;
    end: (result?: { requeueAfterMs?: number }) => void;
    fail: (error?: unknown) => void;
  }[] = [];
  const { lines, log } = kept();
  const queue = new WorkQueue({
    name: 'test',
    workers: 2,
    clock,
    log,
    run: (key, context) =>
      new Promise((resolve, reject) => {
        runs.push({ key, context, end: resolve, fail: (error = new Error('no')) => reject(error as Error) });
      }),
    ...options,
  });
  return { clock, runs, lines, queue, retries: () => retriesOf(lines), keys: () => runs.map((run) => run.key) };
}

describe('a work queue', () => {
  it('works on a key once, however often it is added, and once more if it is added meanwhile', async () => {
    const { queue, runs, keys } = steered();
    for (let times = 0; times < 5; times += 1) queue.add('a');
    expect(keys()).toEqual([]);
    await settle();
    expect(keys()).toEqual(['a']);
    for (let times = 0; times < 5; times += 1) queue.add('a');
    await settle();
    expect(keys()).toEqual(['a']);
    runs[0]?.end();
    await settle();
    expect(keys()).toEqual(['a', 'a']);
    runs[1]?.end();
    await settle();
    expect(queue.size).toBe(0);
  });

  it('has no more keys under way than workers, and takes the oldest next', async () => {
    const { queue, runs, keys } = steered();
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await settle();
    expect(keys()).toEqual(['a', 'b']);
    runs[1]?.end();
    await settle();
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  it('brings a failed key back later each time, whatever changes meanwhile, and at once when it is urgent', async () => {
    const { queue, runs, retries, keys, clock } = steered({ firstDelayMs: 10, longestDelayMs: 30 });
    queue.add('a');
    await settle();
    for (const delay of [10, 20, 30, 30]) {
      runs.at(-1)?.fail();
      await settle();
      expect(retries().at(-1)).toBe(delay);
      const before = runs.length;
      queue.add('a');
      await clock.advance(delay - 1);
      expect(runs.length).toBe(before);
      await clock.advance(1);
      expect(runs.length).toBe(before + 1);
    }
    runs.at(-1)?.fail();
    await settle();
    queue.add('a', { urgent: true });
    await settle();
    expect(keys()).toHaveLength(6);
    runs.at(-1)?.end();
    await settle();
    queue.add('a');
    await settle();
    runs.at(-1)?.fail();
    await settle();
    // One success, and the next failure is a first one again.
    expect(retries().at(-1)).toBe(10);
  });

  it('does not wait when something urgent came while a run failed', async () => {
    const { queue, runs, keys } = steered({ firstDelayMs: 1000 });
    queue.add('a');
    await settle();
    queue.add('a', { urgent: true });
    queue.add('a');
    runs[0]?.fail();
    await settle();
    expect(keys()).toEqual(['a', 'a']);
  });

  it('calls again when a run or anybody asked for it, the earliest time first', async () => {
    const { queue, runs, keys, clock } = steered();
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 900);
    await clock.advance(99);
    expect(keys()).toEqual([]);
    await clock.advance(1);
    expect(keys()).toEqual(['a']);
    runs[0]?.end({ requeueAfterMs: 50 });
    await clock.advance(50);
    expect(keys()).toEqual(['a', 'a']);
    runs[1]?.end();
    await clock.advance(10_000);
    expect(queue.size).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  it('forgets a key: what waits does not run, what runs does not come back', async () => {
    const { queue, runs, keys, clock } = steered({ workers: 1 });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await settle();
    queue.add('a');
    for (const key of ['a', 'b', 'c', 'unknown']) queue.forget(key);
    runs[0]?.end({});
    await clock.advance(1000);
    expect(keys()).toEqual(['a']);
    expect(queue.size).toBe(0);
  });

  it('stops: aborts what runs, waits for it, and takes nothing more', async () => {
    const signals: AbortSignal[] = [];
    const { queue, clock } = steered({
      workers: 1,
      run: (_key, { signal }) =>
        new Promise((_resolve, reject) => {
          signals.push(signal);
          signal.addEventListener('abort', () => setImmediate(() => reject(new Error('aborted'))));
        }),
    });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await settle();
    let stopped = 0;
    const stops = [queue.stop(), queue.stop()].map((promise) => promise.then(() => (stopped += 1)));
    expect(stopped).toBe(0);
    await Promise.all(stops);
    queue.add('d');
    queue.addAfter('d', 0);
    await clock.advance(1000);
    expect(signals).toHaveLength(1);
    expect(signals[0]?.aborted).toBe(true);
    await queue.stop();
  });

  it('never runs a key twice at a time, never more keys than workers, and forgets no change', async () => {
    const actions = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c'), urgent: fc.boolean() }),
        fc.record({ do: fc.constant('after' as const), key: fc.constantFrom('a', 'b', 'c'), ms: fc.nat(50) }),
        fc.record({ do: fc.constant('end' as const), which: fc.nat(5), how: fc.constantFrom('ok', 'later', 'fail') }),
        fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40) }),
      ),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(actions, fc.integer({ min: 1, max: 3 }), async (steps, workers) => {
        const clock = new FakeClock();
        const open: { key: string; started: number; resolve: (r?: object) => void; reject: (e: Error) => void }[] = [];
        let step = 0;
        const changed = new Map<string, number>();
        const seen = new Map<string, number>();
        const queue = new WorkQueue({
          name: 'p',
          workers,
          clock,
          firstDelayMs: 5,
          longestDelayMs: 40,
          log: pino({ level: 'silent' }),
          run: (key) =>
            new Promise((resolve, reject) => {
              expect(open.map((run) => run.key)).not.toContain(key);
              expect(open.length).toBeLessThan(workers);
              seen.set(key, step);
              open.push({ key, started: step, resolve, reject });
            }),
        });
        const end = (which: number, how: string) => {
          const [run] = open.splice(which % Math.max(1, open.length), 1);
          if (how === 'fail') run?.reject(new Error('no'));
          else run?.resolve(how === 'later' ? { requeueAfterMs: 7 } : undefined);
        };
        for (const action of steps) {
          await settle();
          step += 1;
          if (action.do === 'add') {
            changed.set(action.key, step);
            queue.add(action.key, action);
          } else if (action.do === 'after') queue.addAfter(action.key, action.ms);
          else if (action.do === 'end') end(action.which, action.how);
          else await clock.advance(action.ms);
        }
        // Let everything come to its end: every change was seen by a run that began after it.
        for (let turn = 0; turn < 400 && queue.size > 0; turn += 1) {
          step += 1;
          await clock.advance(50);
          end(0, 'ok');
        }
        await settle();
        expect(queue.size).toBe(0);
        for (const [key, at] of changed) expect(seen.get(key)).toBeGreaterThanOrEqual(at);
      }),
      { numRuns: 150 },
    );
  });
});

/** Metrics that note what they are told. */
function noting() {
  const told: string[] = [];
  const metrics = Object.fromEntries(
    Object.keys(noMetrics).map((name) => [name, (...values: unknown[]) => void told.push([name, ...values].join(' '))]),
  ) as unknown as RuntimeMetrics;
  return { metrics, told, of: (name: string) => told.filter((line) => line.startsWith(`${name} `)) };
}

describe('a run', () => {
  it('has a log that names queue, key and the run itself, another one each time', async () => {
    const { queue, runs, lines } = steered();
    queue.add('a');
    await settle();
    runs[0]?.context.log.info('working');
    queue.add('a');
    runs[0]?.end();
    await settle();
    runs[1]?.context.log.info('working');
    expect(lines).toMatchObject([
      { queue: 'test', key: 'a', msg: 'working', reconcileID: runs[0]?.context.reconcileID },
      { queue: 'test', key: 'a', msg: 'working', reconcileID: runs[1]?.context.reconcileID },
    ]);
    expect(lines[0]?.reconcileID).not.toBe(lines[1]?.reconcileID);
  });

  it('is told when its time is up, counted, and comes again', async () => {
    const { metrics, of } = noting();
    const { queue, runs, clock, retries } = steered({ timeoutMs: 1000, metrics });
    queue.add('a');
    await clock.advance(999);
    const { signal } = (runs[0] as { context: RunContext }).context;
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.aborted).toBe(true);
    expect(queue.stuck).toBe('');
    runs[0]?.fail(signal.reason);
    await settle();
    expect(String(signal.reason)).toBe('ReconcileTimeout: the run was ended after 1 s, its time limit');
    expect(of('reconcileFailed')).toEqual(['reconcileFailed test timeout']);
    expect(retries()).toEqual([5]);
  });

  it('that fails for good does not come again by itself, and does when something changes', async () => {
    const { metrics, of } = noting();
    const { queue, runs, keys, clock, retries, lines } = steered({ metrics });
    queue.add('a');
    await settle();
    runs[0]?.fail();
    await clock.advance(5);
    runs[1]?.fail(new TerminalError('the spec is wrong'));
    await clock.advance(1_000_000);
    expect(keys()).toEqual(['a', 'a']);
    expect(queue.size).toBe(0);
    expect(retries()).toEqual([5]);
    expect(lines.at(-1)).toMatchObject({ level: 50, msg: 'reconciling failed for good' });
    expect(of('reconcileFailed')).toEqual(['reconcileFailed test terminal']);
    queue.add('a');
    await settle();
    expect(keys()).toEqual(['a', 'a', 'a']);
  });

  it.each<[string, unknown, boolean]>([
    ['a fault of the program', new TypeError('x is undefined'), true],
    ['no error at all', 'a text', true],
    ['a broken network, as fetch says it', new TypeError('fetch failed', { cause: new Error('ECONNRESET') }), false],
    ['any other failure', new Error('away'), false],
  ])('that fails by %s is tried again; counted as a panic: %s %s', async (_, error, panic) => {
    const { metrics, of } = noting();
    const { queue, runs, clock, keys } = steered({ metrics });
    queue.add('a');
    await settle();
    runs[0]?.fail(error);
    await clock.advance(5);
    expect(keys()).toEqual(['a', 'a']);
    expect(of('reconcileFailed')).toEqual(panic ? ['reconcileFailed test panic'] : []);
  });
});

describe('all keys together', () => {
  it('are tried again only so often', async () => {
    let reserved = 0;
    const { queue, runs, retries } = steered({ workers: 3, retries: { reserve: () => (reserved += 100) } });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await settle();
    for (const run of runs) run.fail();
    await settle();
    expect(retries()).toEqual([100, 200, 300]);
  });

  it('are only collected while the queue is paused, each once', async () => {
    const { queue, runs, keys, clock } = steered({ paused: true });
    for (const key of ['a', 'b', 'a']) queue.add(key);
    queue.addAfter('c', 10);
    await clock.advance(600_000);
    expect(keys()).toEqual([]);
    expect(queue.stuck).toBe('');
    queue.start();
    await settle();
    expect(keys()).toEqual(['a', 'b']);
    runs[0]?.end();
    await settle();
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  it('are counted on their way', async () => {
    const { metrics, told } = noting();
    const { queue, runs, clock } = steered({ workers: 1, metrics });
    queue.add('a');
    await clock.advance(2000);
    runs[0]?.end({ requeueAfterMs: 5 });
    await clock.advance(5);
    expect(told).toEqual([
      'workers test 0 1',
      'queueAdded test',
      'queueDepth test 1',
      'queueDepth test 0',
      'queueWaited test 0',
      'workers test 1 1',
      'reconciled test requeue_after 2',
      'workers test 0 1',
      'queueAdded test',
      'queueDepth test 1',
      'queueDepth test 0',
      'queueWaited test 0',
      'workers test 1 1',
    ]);
    expect(queue.unfinished).toEqual({ sum: 0, longest: 0 });
    await clock.advance(3000);
    expect(queue.unfinished).toEqual({ sum: 3, longest: 3 });
  });

  it('are stuck when a run does not end long after it was told to', async () => {
    const { queue, clock, runs } = steered({ timeoutMs: 10_000 });
    queue.add('a');
    await clock.advance(70_000);
    expect(queue.stuck).toBe('');
    await clock.advance(1000);
    expect(queue.stuck).toBe('test a has been worked on for 71 s and does not end');
    runs[0]?.end();
    await settle();
    expect(queue.stuck).toBe('');
  });
});
