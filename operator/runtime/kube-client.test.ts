import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { effects, NotLeading } from './effects.ts';
import { KubeClient, loadKubeConfig, type KubeClientOptions } from './kube-client.ts';
import { KINDS } from './kinds.ts';
import { alreadyExists, isConflict, isTransient, KubeError } from './kube.ts';

// Faults that a real API server cannot be asked for; what can, is in api-server.e2e.test.ts.

let server: Server;
let origin: string;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  requests = [];
});
afterAll(() => void server.close());

/** A kubeconfig of one user at an API server behind a proxy's path. */
function client(user: object = {}, options: Partial<KubeClientOptions> = {}): KubeClient {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', server: `${origin}/k8s/`, skipTLSVerify: true }],
    users: [{ name: 'u', ...user }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  return new KubeClient({ config, userAgent: 'qdrant-bench/1', fieldManager: 'm', timeoutMs: 2000, ...options });
}
const node = { ...KINDS.Node, name: 'a b' };
const says =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (_request: unknown, response: ServerResponse) =>
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));

describe('the client', () => {
  it.each([
    ['a token', { token: 'secret' }, 'Bearer secret'],
    ['a password', { username: 'me', password: 'pw' }, `Basic ${Buffer.from('me:pw').toString('base64')}`],
    ['nothing', {}, undefined],
  ])('says who it is by %s, at the cluster’s path', async (_name, user, authorization) => {
    answer = says(200, { kind: 'Node' });
    const kube = client(user);
    await kube.get(node);
    expect(requests[0]?.url).toBe('/k8s/api/v1/nodes/a%20b');
    expect(requests[0]?.headers).toMatchObject({ 'user-agent': 'qdrant-bench/1' });
    expect(requests[0]?.headers.authorization).toBe(authorization);
    await kube.close();
  });

  it('repeats what the server had no time for, when it says so, and not for ever', async () => {
    let busy = 2;
    answer = (request, response) =>
      (busy -= 1) >= 0
        ? says(429, { reason: 'TooManyRequests' }, { 'retry-after': '0' })(request, response)
        : says(200, { kind: 'Node' })(request, response);
    const kube = client();
    expect(await kube.get(node)).toEqual({ kind: 'Node' });
    expect(requests).toHaveLength(3);
    busy = 100;
    await expect(kube.get(node)).rejects.toMatchObject({ status: 429, retryAfter: 0 });
    expect(requests).toHaveLength(7);
    answer = says(429, 'busy', { 'retry-after': '3600' });
    await expect(kube.get(node)).rejects.toMatchObject({ status: 429, retryAfter: 3600, reason: 'HTTP 429' });
    await kube.close();
  });

  it.each<[string, number, unknown, object]>([
    [
      'a page of a proxy',
      502,
      '<html>bad gateway</html>',
      { status: 502, reason: 'HTTP 502', message: expect.stringContaining('bad gateway') },
    ],
    ['an empty refusal', 403, '', { status: 403 }],
    [
      'a refusal',
      403,
      { reason: 'Forbidden', message: 'may not' },
      { reason: 'Forbidden', message: 'GET /api/v1/nodes/a%20b: may not' },
    ],
    ['no JSON', 200, 'hello', { reason: 'Malformed' }],
  ])('makes an error of %s', async (_name, status, body, error) => {
    answer = says(status, body);
    const kube = client();
    await expect(kube.get(node)).rejects.toMatchObject({ name: 'KubeError', ...error });
    await kube.close();
  });

  it('begins a list again when the server forgot its place, but not for ever', async () => {
    let forgetful = 1;
    answer = (request, response) => {
      const more = new URL(request.url ?? '', origin).searchParams.get('continue');
      if (!more)
        says(200, { metadata: { continue: 'next', resourceVersion: '1' }, items: [{ metadata: { name: 'a' } }] })(
          request,
          response,
        );
      else if ((forgetful -= 1) >= 0) says(410, { reason: 'Expired' })(request, response);
      else says(200, { metadata: { resourceVersion: '2' }, items: [{ metadata: { name: 'b' } }] })(request, response);
    };
    const kube = client();
    const { items, resourceVersion } = await kube.listWithVersion(KINDS.Node);
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(resourceVersion).toBe('2');
    forgetful = 100;
    await expect(kube.list(KINDS.Node)).rejects.toMatchObject({ status: 410 });
    await kube.close();
  });

  it('does not read more than it may, nor wait for what does not come', async () => {
    const kube = client();
    answer = says(200, 'x'.repeat(1000));
    await expect(kube.raw('/metrics', { timeoutMs: 1000, maxBytes: 999 })).rejects.toMatchObject({
      reason: 'TooLarge',
    });
    answer = (_request, response) => void response.write('slow');
    await expect(kube.raw('/metrics', { timeoutMs: 300, maxBytes: 999 })).rejects.toMatchObject({ reason: 'Timeout' });
    const stop = new AbortController();
    const stopped = kube.raw('/metrics', { timeoutMs: 5000, maxBytes: 999 }, stop.signal);
    setTimeout(() => stop.abort('enough'), 50);
    await expect(stopped).rejects.toThrow('enough');
    await kube.close();
  });

  it('ends a watch that is refused or falls silent', async () => {
    const kube = client();
    const watch = async (): Promise<unknown[]> => {
      const events = [];
      const options = { resourceVersion: '1', timeoutSeconds: 60, idleMs: 1000 };
      for await (const event of kube.watch(KINDS.Node, options, new AbortController().signal)) events.push(event);
      return events;
    };
    answer = says(410, { reason: 'Expired', message: 'too old' });
    await expect(watch()).rejects.toMatchObject({ status: 410 });
    answer = (_request, response) => void response.write('\n');
    await expect(watch()).rejects.toMatchObject({ reason: 'Timeout' });
    expect(requests[0]?.url).toContain('allowWatchBookmarks=true');
    answer = says(200, '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n');
    expect(await watch()).toEqual([{ type: 'BOOKMARK', resourceVersion: '7' }]);
    await kube.close();
  });

  it('performs every write as an effect, and no read; each answer is counted', async () => {
    const told: string[] = [];
    const requested: string[] = [];
    effects.configure({ onWrite: (what, outcome) => void told.push(`${what} ${outcome}`) });
    answer = says(200, { kind: 'Node', metadata: {} });
    const metrics = { requested: (method: string, status: number) => void requested.push(`${method} ${status}`) };
    const kube = client({}, { metrics });
    const object = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } };
    try {
      await kube.get(node);
      await kube.list(KINDS.Node);
      await kube.create(object);
      await kube.apply(object, { force: true });
      await kube.mergePatch(node, {});
      await kube.patchStatus(node, {});
      await kube.delete(node);
      const election = client({}, { metrics, writer: 'election' });
      await election.mergePatch({ ...KINDS.Lease, namespace: 'n', name: 'l' }, {});
      await election.close();
      answer = says(403, { reason: 'Forbidden' });
      await expect(kube.delete(node)).rejects.toThrow();
      answer = (request) => void request.socket.destroy();
      await expect(kube.get(node)).rejects.toThrow();
    } finally {
      effects.configure({});
      await kube.close();
    }
    expect(told).toEqual([
      'kube create Node done',
      'kube apply Node done',
      'kube patch Node done',
      'kube patch Node status done',
      'kube delete Node done',
      'election patch Lease done',
      'kube delete Node failed',
    ]);
    expect(requested).toEqual([
      'GET 200',
      'GET 200',
      'POST 200',
      'PATCH 200',
      'PATCH 200',
      'PATCH 200',
      'DELETE 200',
      'PATCH 200',
      'DELETE 403',
      'GET 0',
    ]);
  });

  it('does not write for who does not lead', async () => {
    effects.configure({ mayWrite: () => false });
    const kube = client();
    try {
      await expect(kube.delete(node)).rejects.toThrow(NotLeading);
      expect(requests).toHaveLength(0);
    } finally {
      effects.configure({});
      await kube.close();
    }
  });

  it('asks no more often than it may, and on connections it has', async () => {
    let taken = 0;
    const sockets = new Set<unknown>();
    answer = (request, response) => {
      sockets.add(request.socket);
      says(200, { kind: 'Node', metadata: {} })(request, response);
    };
    const kube = client(
      {},
      { rate: { take: (signal) => (signal.throwIfAborted(), Promise.resolve(void (taken += 1))) } },
    );
    for (let times = 0; times < 5; times += 1) await kube.get(node);
    expect(taken).toBe(5);
    // The pool may open a second one while the first is just being freed.
    expect(sockets.size).toBeLessThanOrEqual(2);
    await expect(kube.get(node, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    expect(requests).toHaveLength(5);
    await kube.close();
  });

  it('says what a kubeconfig lacks', async () => {
    const kube = new KubeClient({ config: new KubeConfig(), userAgent: 'x', fieldManager: 'm' });
    await expect(kube.get(node)).rejects.toThrow(/names no cluster: check its current-context/);
  });

  it.each([
    [409, 'Conflict', { conflict: true, transient: false, exists: false }],
    [409, 'AlreadyExists', { conflict: false, transient: false, exists: true }],
    [0, 'Unreachable', { conflict: false, transient: true, exists: false }],
    [503, 'x', { conflict: false, transient: true, exists: false }],
    [422, 'Invalid', { conflict: false, transient: false, exists: false }],
  ])('tells errors apart: %d %s', (status, reason, kinds) => {
    const error = new KubeError(status, reason, '');
    expect({ conflict: isConflict(error), transient: isTransient(error), exists: alreadyExists(error) }).toEqual(kinds);
  });
});

it('a kubeconfig is the one named, that of the pod, or that of the user', () => {
  expect(() => loadKubeConfig('/no/such/file')).toThrow(/no such file/);
  const env = { KUBERNETES_SERVICE_HOST: '198.18.0.1' };
  expect(loadKubeConfig(undefined, env).getCurrentContext()).toBe('inClusterContext');
  expect(loadKubeConfig(undefined, {}, 'mine').getCurrentContext()).toBe('mine');
});
