import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credsAuthenticator, type JetStreamManager, type NatsConnection } from 'nats';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { quiet, startBusServer, type BusServer } from '../../dev/nats/testing/bus-server.ts';
import type { Message } from '../../loadgen/protocol.ts';
import { BusError, type ConsumeOptions } from './bus.ts';
import { NatsBus } from './nats-bus.ts';
import { inboxPrefix, subjectOf, type JobAddress } from './subjects.ts';

let nats: BusServer;
let admin: NatsConnection;
let jsm: JetStreamManager;
let jobs = 0;

beforeAll(async () => {
  nats = await startBusServer();
  await nats.bus().ready(AbortSignal.timeout(20_000));
  admin = await connect({
    servers: nats.server.url,
    authenticator: credsAuthenticator(new TextEncoder().encode(nats.keys.operatorCreds)),
    inboxPrefix: '_INBOX.operator',
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  jsm = await admin.jetstreamManager();
});
afterEach(() => stops.splice(0).forEach((stop) => stop.abort(new Error('the test is over'))));
afterAll(async () => {
  await admin.close();
  await nats.stop();
});

const stops: AbortController[] = [];
const newJob = (): JobAddress => ({ namespace: 'tests', job: `job-${String((jobs += 1))}` });

const search = (id: number): Message => ({
  type: 'search',
  id: String(id),
  run: 'r',
  repeat: 0,
  stage: 'Recall',
  metrics: [{ name: 'recall', value: 0.9 }],
  seconds: 1,
});
const series = (second: number): Message => ({
  type: 'series',
  search: 's',
  repeat: 0,
  second,
  offeredRate: 1,
  achievedRate: 1,
  latencyP50: 1,
  latencyP95: 1,
  latencyP99: 1,
  errors: 0,
});
const done: Message = { type: 'done' };

/** Short names of results: the ids of searches, the types of others. */
const named = (messages: readonly Message[]): string[] =>
  messages
    .filter(({ type }) => type !== 'series')
    .map((message) => (message.type === 'search' ? message.id : message.type));

/** Begins to consume, and keeps what comes. */
function consume(bus: NatsBus, job: JobAddress, onMessage: ConsumeOptions['onMessage'] = async () => undefined) {
  const stop = new AbortController();
  stops.push(stop);
  const messages: Message[] = [];
  const errors: unknown[] = [];
  const final = bus.consume(job, {
    async onMessage(message) {
      await onMessage(message);
      messages.push(message);
    },
    onError: (error) => errors.push(error),
    signal: stop.signal,
  });
  final.catch(() => undefined);
  return { messages, errors, final, stop };
}

/** Publishes without a publisher: what a pod should not. */
async function publishRaw(job: JobAddress, ...payloads: string[]): Promise<void> {
  const creds = await nats.bus().credentials(job, new Date(Date.now() + 60_000));
  const connection = await connect({
    servers: nats.server.url,
    authenticator: credsAuthenticator(new TextEncoder().encode(creds)),
    inboxPrefix: inboxPrefix(job),
  });
  for (const payload of payloads) await connection.jetstream().publish(subjectOf('results', job), payload);
  await connection.close();
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

const storedOf = async (job: JobAddress): Promise<number> => {
  const subject = subjectOf('results', job);
  return (await jsm.streams.info('RESULTS', { subjects_filter: subject })).state.subjects?.[subject] ?? 0;
};

describe('the streams', () => {
  it('are as wanted, and made so again when they are not', async () => {
    const results = (await jsm.streams.info('RESULTS')).config;
    expect(results).toMatchObject({ storage: 'file', discard: 'new', max_msg_size: 1_048_576, retention: 'limits' });
    expect(results.max_age).toBe(7 * 86_400e9);
    expect(results.duplicate_window).toBeGreaterThanOrEqual(120e9);
    expect((await jsm.streams.info('SERIES')).config).toMatchObject({ storage: 'memory', discard: 'old' });
    await jsm.streams.update('RESULTS', { ...results, max_age: 60e9, duplicate_window: 60e9 });
    await nats.bus().ready(AbortSignal.timeout(5000));
    expect((await jsm.streams.info('RESULTS')).config).toEqual(results);
  });

  it('say that NATS is away when it is', async () => {
    const nowhere = new NatsBus({ url: 'nats://127.0.0.1:1', keys: nats.keys, log: quiet });
    const error = await nowhere.ready(AbortSignal.timeout(700)).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(BusError);
    expect(error).toMatchObject({
      reason: 'BusUnreachable',
      message: expect.stringContaining('127.0.0.1:1') as string,
    });
    expect(nowhere.connected).toBe(false);
    await nowhere.close();
  });
});

describe('consuming a job', () => {
  it('delivers results in order, progress and series beside them, and ends with the last', async () => {
    const job = newJob();
    const publisher = await nats.publisher(job);
    const bus = nats.bus();
    await publisher.publish({ type: 'progress', phase: 'Recall', done: 0, total: 3 });
    for (let i = 0; i < 30; i += 1) {
      await publisher.publish(series(i));
      await publisher.publish(search(i));
    }
    const reading = consume(bus, job, async (message) => {
      // The last one waits, so that what nobody waits for has come.
      if (message.type === 'done') await until(() => bus.counts.series === 31);
    });
    await publisher.publish(done);
    expect(await reading.final).toEqual(done);
    expect(named(reading.messages.filter(({ type }) => type !== 'progress'))).toEqual([
      ...Array.from({ length: 30 }, (_, i) => String(i)),
      'done',
    ]);
    expect(reading.messages.filter(({ type }) => type === 'series')).toEqual(
      Array.from({ length: 30 }, (_, i) => series(i)),
    );
    expect(bus.counts).toEqual({ results: 31, redelivered: 0, series: 31, garbage: 0, errors: 0 });
  });

  it('delivers a result again, before those that follow, when handling it failed', async () => {
    const job = newJob();
    const publisher = await nats.publisher(job);
    const bus = nats.bus();
    let failures = 2;
    const order: string[] = [];
    const reading = consume(bus, job, async (message) => {
      order.push(...named([message]));
      if (message.type === 'search' && message.id === '1' && (failures -= 1) >= 0) throw new Error('the store is away');
    });
    for (let i = 0; i < 3; i += 1) await publisher.publish(search(i));
    await publisher.publish(done);
    await reading.final;
    expect(order).toEqual(['0', '1', '1', '1', '2', 'done']);
    expect(reading.errors.map(String)).toEqual(['Error: the store is away', 'Error: the store is away']);
    expect(bus.counts).toMatchObject({ results: 4, redelivered: 2, errors: 2 });
  });

  it('goes on, without loss, with another process after one died in the middle of a message', async () => {
    const job = newJob();
    const publisher = await nats.publisher(job);
    for (let i = 0; i < 6; i += 1) await publisher.publish(search(i));
    const dying = nats.bus();
    const stuck = Promise.withResolvers<void>();
    const first = consume(dying, job, async (message) => {
      if (message.type !== 'search' || message.id !== '3') return;
      stuck.resolve();
      await new Promise(() => undefined);
    });
    await stuck.promise;
    await dying.close();
    const bus = nats.bus();
    await publisher.publish(done);
    const second = consume(bus, job);
    await second.final;
    expect(named(first.messages)).toEqual(['0', '1', '2']);
    expect(named(second.messages)).toEqual(['3', '4', '5', 'done']);
  });

  it('finishes what it has in hand when told to stop, so that nothing comes twice', async () => {
    const job = newJob();
    const publisher = await nats.publisher(job);
    for (let i = 0; i < 3; i += 1) await publisher.publish(search(i));
    const begun = Promise.withResolvers<void>();
    const first = consume(nats.bus(), job, async () => {
      begun.resolve();
      await sleep(300);
    });
    await begun.promise;
    first.stop.abort(new Error('leaving'));
    await expect(first.final).rejects.toThrow('leaving');
    expect(named(first.messages)).toEqual(['0']);
    await publisher.publish(done);
    const second = consume(nats.bus(), job);
    await second.final;
    expect(named(second.messages)).toEqual(['1', '2', 'done']);
    await expect(
      nats.bus().consume(job, { onMessage: async () => undefined, signal: first.stop.signal }),
    ).rejects.toThrow('leaving');
  });

  it('returns at once what was consumed to the end before', async () => {
    const job = newJob();
    const publisher = await nats.publisher(job);
    await publisher.publish(search(1));
    await publisher.publish({ type: 'failed', reason: 'BuildFailed', message: 'no' });
    const bus = nats.bus();
    expect(await bus.hasFinal(job)).toBe(true);
    await consume(bus, job).final;
    expect(await bus.hasFinal(job)).toBe(false);
    const again = consume(nats.bus(), job);
    expect(await again.final).toEqual({ type: 'failed', reason: 'BuildFailed', message: 'no' });
    expect(again.messages).toEqual([]);
  });

  it('drops what is no message, once, and goes on', async () => {
    const job = newJob();
    await publishRaw(job, 'nonsense', '{"type":"search"}', '', JSON.stringify(search(1)), '{"type":"done","x":1}');
    const bus = nats.bus();
    expect(await bus.hasFinal(job)).toBe(false);
    const reading = consume(bus, job);
    await until(() => bus.counts.garbage === 4);
    await publishRaw(job, JSON.stringify(done));
    await reading.final;
    expect(named(reading.messages)).toEqual(['1', 'done']);
    expect(bus.counts).toMatchObject({ garbage: 4, redelivered: 0 });
  });

  it('keeps jobs apart', async () => {
    const [one, other] = [newJob(), newJob()];
    const bus = nats.bus();
    const readings = [consume(bus, one), consume(bus, other)] as const;
    const publishers = [await nats.publisher(one), await nats.publisher(other)] as const;
    await publishers[0].publish(search(1));
    await publishers[1].publish(search(2));
    for (const publisher of publishers) await publisher.publish(done);
    for (const reading of readings) await reading.final;
    expect(readings.map(({ messages }) => named(messages))).toEqual([
      ['1', 'done'],
      ['2', 'done'],
    ]);
  });
});

describe('a closed bus', () => {
  it('ends what it was doing, and does nothing more', async () => {
    const bus = nats.bus();
    const reading = consume(bus, newJob());
    await until(() => bus.connected);
    await bus.close();
    await expect(reading.final).rejects.toBeInstanceOf(BusError);
    await expect(bus.hasFinal(newJob())).rejects.toMatchObject({ reason: 'BusUnreachable' });
    await expect(bus.ready(AbortSignal.timeout(1000))).rejects.toBeInstanceOf(BusError);
  });
});

describe('a Msg-Id', () => {
  it('is stored once, whoever connects with it', async () => {
    const job = newJob();
    for (const podUid of ['pod-1', 'pod-1', 'pod-2']) {
      const publisher = await nats.publisher(job, { podUid });
      await publisher.publish(search(1));
      await publisher.close();
    }
    expect(await storedOf(job)).toBe(2);
  });
});

describe('forgetting a job', () => {
  it('deletes its consumer and messages, and no others; twice is harmless', async () => {
    const [job, other] = [newJob(), newJob()];
    for (const each of [job, other]) {
      const publisher = await nats.publisher(each);
      await publisher.publish(series(1));
      await publisher.publish(done);
    }
    const bus = nats.bus();
    await consume(bus, job).final;
    await bus.forget(job);
    await bus.forget(job);
    expect(await storedOf(job)).toBe(0);
    expect(await storedOf(other)).toBe(1);
    expect(await bus.hasFinal(job)).toBe(false);
    expect(await bus.hasFinal(other)).toBe(true);
    const names = (await jsm.consumers.list('RESULTS').next()).map(({ name }) => name);
    expect(names).not.toContain(`tests_${job.job}`);
  });
});

describe('forgetting the jobs of a sweep', () => {
  it('deletes what is kept of every job whose name begins so, heard or not, and of no other', async () => {
    const named = (namespace: string, job: string): JobAddress => ({ namespace, job });
    const [heard, unheard] = [named('sweeps', 'qsw-a-1'), named('sweeps', 'qsw-a-2')];
    const [other, elsewhere] = [named('sweeps', 'qsw-b-1'), named('sweeps2', 'qsw-a-3')];
    for (const job of [heard, unheard, other, elsewhere]) await (await nats.publisher(job)).publish(done);
    const bus = nats.bus();
    for (const job of [heard, other]) await consume(bus, job).final;
    await bus.forgetAll('sweeps', 'qsw-a-');
    await bus.forgetAll('sweeps', 'qsw-a-');
    expect(await Promise.all([heard, unheard, other, elsewhere].map(storedOf))).toEqual([0, 0, 1, 1]);
    const names = (await jsm.consumers.list('RESULTS').next()).map(({ name }) => name);
    expect(names).not.toContain('sweeps_qsw-a-1');
    expect(names).toContain('sweeps_qsw-b-1');
  });

  it('refuses a namespace that is none, and knows of none where there are no streams', async () => {
    const bus = nats.bus();
    await expect(bus.forgetAll('a.b', 'x')).rejects.toThrow(/no DNS label/);
    for (const stream of ['RESULTS', 'SERIES']) await jsm.streams.delete(stream);
    await bus.forgetAll('sweeps', '');
    await bus.ready(AbortSignal.timeout(5000));
  }, 60_000);
});

describe('NATS going away', () => {
  it.each(['kill', 'stop'] as const)(
    'by %s in the middle of publishing and reading loses nothing and stores nothing twice',
    async (how) => {
      const job = newJob();
      const publisher = await nats.publisher(job);
      const bus = nats.bus();
      const reading = consume(bus, job, () => sleep(5));
      const publishing = (async () => {
        for (let i = 0; i < 60; i += 1) {
          await publisher.publish(search(i));
          await publisher.publish(series(i));
        }
        await publisher.publish(done);
      })();
      await until(() => named(reading.messages).length > 10);
      if (how === 'kill') await nats.server.kill();
      // The dev server's stop() would remove its folder; restart() ends it in order first.
      if (how === 'kill') await sleep(3000);
      await nats.server.restart();
      await publishing;
      expect(await reading.final).toEqual(done);
      const results = named(reading.messages);
      expect([...new Set(results)]).toEqual([...Array.from({ length: 60 }, (_, i) => String(i)), 'done']);
      // A server that ends in order remembers what was acknowledged, but for the one in hand. One that crashed may not.
      if (how === 'stop') expect(results.length).toBeLessThanOrEqual(62);
      expect(await storedOf(job)).toBe(61);
    },
  );

  it('for good, store and all, lets a job go on once the streams are made anew', async () => {
    const job = newJob();
    const publisher = await nats.publisher(job);
    const bus = nats.bus();
    const reading = consume(bus, job);
    await publisher.publish(search(1));
    await until(() => named(reading.messages).includes('1'));
    await jsm.streams.delete('RESULTS');
    await jsm.streams.delete('SERIES');
    const rest = (async () => {
      await publisher.publish(search(2));
      await publisher.publish(done);
    })();
    await reading.final;
    await rest;
    expect(named(reading.messages)).toEqual(['1', '2', 'done']);
  });

  it('makes a question fail in the end, with the reason', async () => {
    const bus = nats.bus();
    await bus.ready(AbortSignal.timeout(5000));
    await nats.server.kill();
    try {
      await expect(bus.hasFinal(newJob())).rejects.toMatchObject({ reason: 'BusUnreachable' });
      expect(bus.connected).toBe(false);
    } finally {
      await nats.server.restart();
    }
    expect(await bus.hasFinal(newJob())).toBe(false);
    expect(bus.connected).toBe(true);
  }, 60_000);
});
