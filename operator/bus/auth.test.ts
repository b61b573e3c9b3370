import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credsAuthenticator, Events, JSONCodec, type NatsConnection } from 'nats';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { quiet, startBusServer, type BusServer } from '../../dev/nats/testing/bus-server.ts';
import { busKeysFromSecret, busKeysToSecret, generateBusKeys, jobCredentials } from './auth.ts';
import { BusError } from './bus.ts';
import { NatsBus } from './nats-bus.ts';
import { inboxPrefix, subjectOf, type JobAddress, peerSubject } from './subjects.ts';

let nats: BusServer;
let bus: NatsBus;
const open: NatsConnection[] = [];
const a = { namespace: 'team-a', job: 'job' };
const b = { namespace: 'team-b', job: 'job' };
const soon = (): Date => new Date(Date.now() + 60_000);

beforeAll(async () => {
  nats = await startBusServer();
  bus = nats.bus();
  await bus.ready(AbortSignal.timeout(20_000));
});
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
});
afterAll(() => nats.stop());

/** Connects as a job's pod does, but free to do what it likes. */
async function connectAs(address: JobAddress, creds?: string): Promise<NatsConnection> {
  const text = creds ?? (await bus.credentials(address, soon()));
  const connection = await connect({
    servers: nats.server.url,
    authenticator: credsAuthenticator(new TextEncoder().encode(text)),
    inboxPrefix: inboxPrefix(address),
    reconnect: false,
    noAsyncTraces: true,
  });
  open.push(connection);
  return connection;
}

/** What the server says against a connection, as it comes. */
function complaints(connection: NatsConnection): string[] {
  const heard: string[] = [];
  void (async () => {
    for await (const { type, permissionContext } of connection.status()) {
      if (type === Events.Error) heard.push(`${permissionContext?.operation} ${permissionContext?.subject}`);
    }
  })();
  return heard;
}

/** How many messages the streams hold on a subject. */
async function stored(address: JobAddress): Promise<number> {
  const text = nats.keys.operatorCreds;
  const admin = await connect({
    servers: nats.server.url,
    authenticator: credsAuthenticator(new TextEncoder().encode(text)),
    inboxPrefix: '_INBOX.operator',
  });
  open.push(admin);
  const subject = subjectOf('results', address);
  const jsm = await admin.jetstreamManager();
  return (await jsm.streams.info('RESULTS', { subjects_filter: subject })).state.subjects?.[subject] ?? 0;
}

describe("a job's credentials", () => {
  it('publish its own results, with an acknowledgement, and its own series', async () => {
    const connection = await connectAs(a);
    const heard = complaints(connection);
    const ack = await connection.jetstream().publish(subjectOf('results', a), '{"type":"done"}', { msgID: 'x1' });
    expect(ack).toMatchObject({ stream: 'RESULTS', duplicate: false });
    connection.publish(subjectOf('series', a), '{}');
    await connection.flush();
    expect(heard).toEqual([]);
  });

  it('let the pods of one job speak with one another, and with those of no other', async () => {
    const [first, second] = [await connectAs(a), await connectAs(a)];
    const heard = complaints(first);
    const hears = Promise.withResolvers<string>();
    second.subscribe(peerSubject(a, 1), { callback: (_, message) => hears.resolve(message.string()) });
    await second.flush();
    first.publish(peerSubject(a, 1), 'hello');
    expect(await hears.promise).toBe('hello');
    const others = [b, { namespace: a.namespace, job: 'other' }];
    for (const other of others) first.publish(peerSubject(other, 1), 'hello');
    await first.flush();
    while (heard.length < others.length) await sleep(10);
    expect(heard).toEqual(['publish qb.peers.team-b.job.1', 'publish qb.peers.team-a.other.1']);
    for (const subject of [peerSubject(b), peerSubject(others[1] as JobAddress, 0), 'qb.peers.>']) {
      const refused = Promise.withResolvers<Error | null>();
      first.subscribe(subject, { callback: (error) => refused.resolve(error) });
      await first.flush();
      expect((await refused.promise)?.message).toMatch(/Permissions Violation for Subscription/i);
    }
  });

  it("cannot publish on another's subjects, in another namespace or the same", async () => {
    const connection = await connectAs(a);
    const heard = complaints(connection);
    const before = await stored(b);
    const same = { namespace: a.namespace, job: 'other' };
    for (const other of [b, same]) {
      await expect(connection.jetstream().publish(subjectOf('results', other), '{"type":"done"}')).rejects.toThrow(
        /Permissions Violation for Publish/i,
      );
      connection.publish(subjectOf('series', other), '{}');
    }
    await connection.flush();
    while (heard.length < 4) await sleep(10);
    expect(heard).toEqual([
      'publish qb.results.team-b.job',
      'publish qb.series.team-b.job',
      'publish qb.results.team-a.other',
      'publish qb.series.team-a.other',
    ]);
    expect(await stored(b)).toBe(before);
    expect(nats.server.log()).toContain('Publish Violation');
  });

  it.each([
    ['results', subjectOf('results', b)],
    ["another's inbox", `${inboxPrefix(b)}.>`],
    ['everything', '>'],
    ['its own results', subjectOf('results', a)],
    ["the operator's inbox", '_INBOX.operator.>'],
  ])('cannot listen to %s', async (_, subject) => {
    const connection = await connectAs(a);
    const refused = Promise.withResolvers<Error | null>();
    connection.subscribe(subject, { callback: (error) => refused.resolve(error) });
    await connection.flush();
    expect((await refused.promise)?.message).toMatch(/Permissions Violation for Subscription/i);
  });

  it.each([
    ['list streams', 'STREAM.NAMES', {}],
    ['delete a stream', 'STREAM.DELETE.RESULTS', {}],
    ['purge a stream', 'STREAM.PURGE.RESULTS', {}],
    ['make a consumer', 'CONSUMER.CREATE.RESULTS', { stream_name: 'RESULTS', config: { ack_policy: 'none' } }],
    ['read a message', 'STREAM.MSG.GET.RESULTS', { seq: 1 }],
  ])('cannot use the JetStream API to %s', async (_, api, body) => {
    const connection = await connectAs(a);
    const refused = connection.request(`$JS.API.${api}`, JSONCodec().encode(body), { timeout: 5000 });
    await expect(refused).rejects.toThrow(/Permissions Violation for Publish/i);
  });

  it('cannot make JetStream speak for it by the reply subject of a publication', async () => {
    await (await connectAs(b)).jetstream().publish(subjectOf('results', b), '{"type":"done"}');
    const [mine, others] = [await stored(a), await stored(b)];
    const connection = await connectAs(a);
    for (const reply of [subjectOf('results', b), '$JS.API.STREAM.DELETE.RESULTS', '$JS.API.STREAM.PURGE.RESULTS']) {
      connection.publish(subjectOf('results', a), '{"type":"done"}', { reply });
    }
    await connection.flush();
    while ((await stored(a)) < mine + 3) await sleep(20);
    await sleep(200);
    expect(await stored(a)).toBe(mine + 3);
    expect(await stored(b)).toBe(others);
    expect(nats.server.log()).not.toContain('Invalid JetStream request');
  });

  it('are refused when they have expired, also while in use', async () => {
    const creds = await bus.credentials(a, new Date(Date.now() + 1500));
    const connection = await connectAs(a, creds);
    // The server ends it; its clock is of whole seconds.
    await connection.closed();
    await sleep(1100);
    await expect(connectAs(a, creds)).rejects.toThrow(/Authorization Violation|Authentication Expired/i);
  }, 20_000);

  it("of another installation's keys are refused", async () => {
    const creds = await jobCredentials(await generateBusKeys(), { ...a, expiresAt: soon() });
    await expect(connectAs(a, creds)).rejects.toThrow(/Authorization Violation/i);
  });

  it('are for DNS labels and times to come only', async () => {
    await expect(bus.credentials({ namespace: 'a', job: 'b.*' }, soon())).rejects.toThrow(RangeError);
    await expect(bus.credentials(a, new Date(0))).rejects.toThrow(/has passed/);
    await expect(bus.credentials(a, new Date(NaN))).rejects.toThrow(/expected a time to come/);
  });
});

describe('the keys', () => {
  it('of another installation are refused, with what to do', async () => {
    const stranger = new NatsBus({ url: nats.server.url, keys: await generateBusKeys(), log: quiet });
    const error = await stranger.ready(AbortSignal.timeout(1500)).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(BusError);
    expect(error).toMatchObject({ reason: 'BusRefused', message: expect.stringContaining('same Secret') as string });
    await stranger.close();
  });

  it('go into a Secret and come back', async () => {
    const keys = await generateBusKeys();
    const secret = busKeysToSecret(keys);
    expect(Object.keys(secret).sort()).toEqual(['account.pub', 'account.seed', 'auth.conf', 'operator.creds']);
    expect(busKeysFromSecret(secret)).toEqual(keys);
    // What NATS mounts holds no seed.
    expect(keys.authConf).not.toMatch(/\bS[OAUNC][A-Z2-7]{56}\b/);
    expect(keys.accountSeed).toMatch(/^SA[A-Z2-7]{56}$/);
  });

  it.each<[string, string | undefined, string]>([
    ['account.seed', undefined, 'is missing'],
    ['account.seed', 'SUNONSENSE', 'is damaged'],
    ['account.pub', 'A', 'is damaged'],
    ['auth.conf', 'operator: x', 'is damaged'],
    ['operator.creds', '', 'is damaged'],
  ])('are refused when %s is %j', async (key, value, what) => {
    const secret = { ...busKeysToSecret(await generateBusKeys()), [key]: value };
    expect(() => busKeysFromSecret(secret)).toThrow(`the NATS Secret's key ${key} ${what}`);
    expect(() => busKeysFromSecret(secret)).toThrow(BusError);
  });
});
