import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, createServer as createHttps, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority, issue } from '../../cluster/pki.ts';
import { ApiProxy } from './api-proxy.ts';
import { describe as describeRequest } from './api-fault.ts';

/** An API server that has carried out so many requests, and whose watches bring what they are told to. */
let server: HttpsServer;
let proxy: ApiProxy;
let agent: Agent;
let carriedOut: string[];
let watches: { write(text: string): void; end(): void }[];
let listed: number;

beforeEach(async () => {
  carriedOut = [];
  watches = [];
  listed = 0;
  const authority = createAuthority('test');
  const { cert, key } = issue(authority, 'test', { commonName: 'api', hosts: ['127.0.0.1'], usage: 'server' });
  server = createHttps({ cert, key }, (request, reply) => {
    request.resume();
    request.on('end', () => {
      carriedOut.push(`${request.method ?? ''} ${request.url ?? ''}`);
      if (request.url?.includes('watch=true')) {
        reply.writeHead(200).flushHeaders();
        watches.push(reply);
        return;
      }
      reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ listed: (listed += 1) }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  agent = new Agent({ keepAlive: true, ca: authority.cert });
  const { port } = server.address() as AddressInfo;
  proxy = await ApiProxy.start({
    options: { agent, hostname: '127.0.0.1', port },
    send: () => Promise.resolve(),
    close: () => undefined,
  });
});
afterEach(async () => {
  await proxy.stop();
  agent.destroy();
  server.closeAllConnections();
  server.close();
});

/** Status and body of an answer; what went wrong when there was none. */
async function ask(
  method: string,
  path: string,
): Promise<{ status: number; body: string; retryAfter?: string } | string> {
  const asked = httpRequest(`${proxy.url}${path}`, { method, agent: false });
  asked.end(method === 'GET' ? undefined : '{}');
  try {
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const retryAfter = answer.headers['retry-after'];
    return { status: answer.statusCode ?? 0, body: await text(answer), ...(retryAfter ? { retryAfter } : {}) };
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
const SWEEPS = '/apis/qdrantbench.io/v1alpha1/namespaces/team/qdrantsweeps';
const any = (): boolean => true;

describe('a door to the API server', () => {
  it('passes requests and answers on, and remembers the writes', async () => {
    expect(await ask('GET', SWEEPS)).toEqual({ status: 200, body: '{"listed":1}' });
    expect(await ask('PATCH', `${SWEEPS}/a/status`)).toMatchObject({ status: 200 });
    expect(carriedOut).toEqual([`GET ${SWEEPS}`, `PATCH ${SWEEPS}/a/status`]);
    expect(proxy.writes).toMatchObject([{ method: 'PATCH', resource: 'qdrantsweeps/status', name: 'a', status: 200 }]);
  });

  it('answers in the API server’s place, as often as told, in its words', async () => {
    proxy.inject({ name: '429', matches: any, act: { status: 429, retryAfter: 1 }, times: 2 });
    for (let times = 0; times < 2; times += 1) {
      const answer = await ask('PATCH', `${SWEEPS}/a`);
      expect(answer).toMatchObject({ status: 429, retryAfter: '1' });
      expect(JSON.parse((answer as { body: string }).body)).toMatchObject({
        kind: 'Status',
        reason: 'TooManyRequests',
      });
    }
    expect(carriedOut).toEqual([]);
    expect(await ask('PATCH', `${SWEEPS}/a`)).toMatchObject({ status: 200 });
    expect(proxy.met).toEqual(['429 PATCH qdrantsweeps', '429 PATCH qdrantsweeps']);
  });

  it('cuts before, or loses the answer after, a request is carried out', async () => {
    proxy.inject({ name: 'cut', matches: any, act: 'cut' });
    expect(await ask('POST', SWEEPS)).toBe('ECONNRESET');
    expect(carriedOut).toEqual([]);
    proxy.inject({ name: 'lost', matches: any, act: 'lose' });
    expect(await ask('POST', SWEEPS)).toBe('ECONNRESET');
    expect(carriedOut).toEqual([`POST ${SWEEPS}`]);
  });

  it.each([
    ['hold', 0],
    ['silence', 1],
  ] as const)('with %s never answers; the API server was asked %i times', async (act, times) => {
    proxy.inject({ name: act, matches: any, act });
    const answer = await Promise.race([ask('POST', SWEEPS), sleep(200, 'nothing')]);
    expect(answer).toBe('nothing');
    expect(carriedOut).toHaveLength(times);
  });

  it('changes what a watch brings, line by line, however it is cut into pieces', async () => {
    proxy.shape = ({ type, object }) =>
      type === 'ADDED'
        ? []
        : [
            { type, object },
            { type, object },
          ];
    const asked = httpRequest(`${proxy.url}${SWEEPS}?watch=true`, { agent: false }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const said = text(answer);
    const [watch] = watches;
    watch?.write('{"type":"ADDED","object":{}}\n{"type":"MODI');
    await sleep(20);
    watch?.write('FIED","object":{"kind":"é"}}\n');
    watch?.end();
    const line = '{"type":"MODIFIED","object":{"kind":"é"}}\n';
    expect(await said).toBe(line + line);
    expect(proxy.met).toEqual(['dropped ADDED', 'doubled MODIFIED']);
  });

  it('shows an old list when told to, and ends watches', async () => {
    await ask('GET', `${SWEEPS}?limit=500`);
    await ask('GET', `${SWEEPS}?limit=500`);
    proxy.staleLists = 1;
    expect(await ask('GET', `${SWEEPS}?limit=500`)).toMatchObject({ body: '{"listed":1}' });
    expect(await ask('GET', `${SWEEPS}?limit=500`)).toMatchObject({ body: '{"listed":4}' });
    const asked = httpRequest(`${proxy.url}${SWEEPS}?watch=true`, { agent: false }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    proxy.cutWatches();
    await expect(text(answer)).rejects.toThrow('aborted');
  });

  it('goes away, and comes back', async () => {
    proxy.goAway();
    expect(await ask('GET', SWEEPS)).toBe('ECONNRESET');
    proxy.heal();
    expect(await ask('GET', SWEEPS)).toMatchObject({ status: 200 });
  });

  it('closes a connection whose API server is gone', async () => {
    server.closeAllConnections();
    server.close();
    expect(await ask('GET', SWEEPS)).toBe('ECONNRESET');
  });
});

describe('a request', () => {
  it.each([
    ['GET', '/api/v1/namespaces', { resource: 'namespaces', write: false, watch: false }],
    ['GET', '/api/v1/namespaces/team', { resource: 'namespaces', name: 'team' }],
    ['GET', '/api/v1/namespaces/team/secrets', { resource: 'secrets', namespace: 'team' }],
    ['DELETE', '/apis/batch/v1/namespaces/t/jobs/j', { resource: 'jobs', namespace: 't', name: 'j', write: true }],
    ['PATCH', `${SWEEPS}/a/status?x=y`, { resource: 'qdrantsweeps/status', name: 'a' }],
    ['GET', '/apis/qdrantbench.io/v1alpha1/qdrantsweeps?watch=true', { resource: 'qdrantsweeps', watch: true }],
  ])('%s %s is taken apart', (method, url, expected) => {
    expect(describeRequest(method, url)).toMatchObject(expected);
  });
});
