import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { addressRules } from '../../loadgen/net/address-rules.ts';
import { play, type Played } from '../../loadgen/net/testing/servers.ts';
import { playQdrant } from '../testing/played-qdrant.ts';
import { Collections } from './collections.ts';
import { ExternalTarget } from './external/external-target.ts';
import { TargetError } from './target.ts';

/** Here 127.0.0.1 may be reached, and 127.0.0.2 may not. */
const rules = addressRules({ allow: ['127.0.0.1'], deny: [] });
const apiKey = 'hunter2';

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
async function serve(listener: RequestListener, host?: string): Promise<Played & { url: string }> {
  const server = await play(listener, host === undefined ? {} : { host });
  servers.push(server);
  return Object.assign(server, { url: `http://${host ?? '127.0.0.1'}:${server.port}` });
}
const json: RequestListener = (_, reply) => void reply.setHeader('content-type', 'application/json');

async function refusal(asking: Promise<unknown>): Promise<string> {
  const error: unknown = await asking.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TargetError);
  expect(error).toMatchObject({ reason: 'TargetUnreachable' });
  expect((error as Error).cause).toBeUndefined();
  expect(String((error as Error).stack)).not.toMatch(/hunter|another machine/);
  return (error as Error).message;
}

describe('collections', () => {
  it('are made, found and deleted by the official client', async () => {
    const qdrant = await playQdrant();
    servers.push(qdrant);
    const collections = new Collections(qdrant.url, { rules });
    expect(await collections.version()).toBe('1.19.0');
    expect(await collections.exists('c')).toBe(false);
    await collections.create('c', { vectors: { size: 4, distance: 'Cosine' } });
    expect(qdrant.collections).toEqual(new Set(['c']));
    expect(await collections.exists('c')).toBe(true);
    await expect(collections.create('c', {})).rejects.toMatchObject({ reason: 'NameTaken' });
    await collections.delete('c');
    await collections.delete('c');
    expect(await collections.exists('c')).toBe(false);
  });

  it('send their key, and what they make, as they are', async () => {
    const bodies: string[] = [];
    const server = await serve((request, reply) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => reply.setHeader('content-type', 'application/json').end('{"result":true}'));
    });
    const collections = new Collections(server.url, { apiKey, rules });
    const body = { vectors: { size: 4, distance: 'Cosine' }, unknown_yet: { a: 1 } };
    await collections.create('c d', body);
    await collections.delete('c d');
    expect(server.asked.map(({ path }) => path)).toEqual(['/collections/c%20d', '/collections/c%20d?timeout=60']);
    for (const { headers } of server.asked) expect(headers['api-key']).toBe(apiKey);
    expect(JSON.parse(bodies.join(''))).toEqual(body);
  });

  it('are asked for nowhere but where a Qdrant may be', async () => {
    const inner = await serve(json, '127.0.0.2');
    expect(await refusal(new Collections(inner.url, { apiKey, rules }).version())).toBe(
      `asked the version, Qdrant at ${inner.url} cannot be reached: it may not be reached: the address is loopback ` +
        "(RFC 1122); whoever runs Qdrant Bench here can allow it (the chart's addresses.allow)",
    );
    expect(inner.connections).toBe(0);
    const target = new ExternalTarget({ url: `${inner.url}/`, rules });
    await refusal(target.describe());
    await refusal(target.existing(['c']));
    await refusal(target.remove('c'));
    expect(inner.connections).toBe(0);
  });

  it('take their key nowhere else: no redirect is followed', async () => {
    const other = await serve((_, reply) => void reply.end('{"version":"1.19.0"}'));
    const server = await serve((_, reply) => void reply.writeHead(307, { location: other.url }).end());
    await refusal(new Collections(server.url, { apiKey, rules }).version());
    expect(other.connections).toBe(0);
  });

  it.each<[string, RequestListener, string]>([
    [
      'not JSON',
      (_, r) => void r.setHeader('content-type', 'application/json').end('x of another machine'),
      "not Qdrant's",
    ],
    ['another page', (_, r) => void r.end('x of another machine'), 'not as Qdrant does'],
    ['no version', (_, r) => void r.end('{"version":"x of another machine"}'), 'not as Qdrant does'],
    ['an odd version', (_, r) => void r.end('{"version":{"x":"of another machine"}}'), 'not as Qdrant does'],
    ['an odd status', (_, r) => void r.writeHead(202).end('x of another machine'), "not Qdrant's"],
    ['an error page', (_, r) => void r.writeHead(500, 'of another machine').end('x of another machine'), '(HTTP 500)'],
    ['an error of another kind', (_, r) => void r.writeHead(500).end('{"status":"of another machine"}'), '(HTTP 500)'],
    ['Qdrant’s own error', (_, r) => void r.writeHead(503).end('{"status":{"error":"starting"}}'), 'starting'],
    ['too much', (_, r) => void r.end(Buffer.alloc(3 * 2 ** 20, 0x20)), "not Qdrant's|exceeded"],
    ['no HTTP', (q) => void q.socket.end('x of another machine\r\n\r\n'), 'no valid HTTP'],
    ['nothing', (q) => void q.socket.destroy(), 'cannot be reached: '],
    ['silence', () => undefined, 'it took too long'],
  ])('tell of %s, and nothing of what is in it', async (_what, listener, said) => {
    const server = await serve(listener);
    const collections = new Collections(server.url, { apiKey, rules, timeoutMs: 1000 });
    const message = await refusal(collections.version());
    expect(
      said.split('|').some((words) => message.includes(words)),
      message,
    ).toBe(true);
  });
});

describe('an existing Qdrant', () => {
  it('is opened with its key for a local job, and with where the key is for a pod', async () => {
    const url = 'http://qdrant.example:6333';
    const secretKeyRef = { name: 'key', key: 'api-key' };
    const open = (more: object) => new ExternalTarget({ url: `${url}/`, rules, ...more }).open();
    expect(await open({})).toMatchObject({ url, own: false });
    expect(await open({})).not.toHaveProperty('apiKey');
    expect(await open({ apiKey })).toMatchObject({ url, own: false, apiKey });
    expect(await open({ apiKey, apiKeySecretRef: secretKeyRef })).toMatchObject({ apiKey: { secretKeyRef } });
  });
});
