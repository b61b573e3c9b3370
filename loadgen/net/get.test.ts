import tls from 'node:tls';
import { setInterval as every } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { RequestListener, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issue } from '../../dev/cluster/pki.ts';
import { addressRules } from './address-rules.ts';
import { get, type GetOptions } from './get.ts';
import { NetError } from './net-error.ts';
import { names, play, type Played } from './testing/servers.ts';

/** Here 127.0.0.1 may be reached, and 127.0.0.2 may not. */
const RULES = addressRules({ allow: ['127.0.0.1'], deny: [] });
const SECRET = { authorization: 'Bearer hunter2', 'x-api-key': 'hunter3' };

const servers: Played[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
async function serve(listener: RequestListener, options: Parameters<typeof play>[1] = {}): Promise<Played> {
  const server = await play(listener, options);
  servers.push(server);
  return server;
}

async function fetched(url: string, options: Partial<GetOptions> = {}): Promise<string> {
  const pieces: Buffer[] = [];
  const bytes = await get(url, { rules: RULES, maxBytes: 1000, totalMilliseconds: 10_000, ...options }, (chunk) => {
    pieces.push(chunk);
  });
  expect(bytes).toBe(Buffer.concat(pieces).length);
  return Buffer.concat(pieces).toString();
}

async function refusal(url: string, options: Partial<GetOptions> = {}): Promise<NetError> {
  const error: unknown = await fetched(url, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NetError);
  const { message, stack, cause } = error as NetError;
  for (const text of [message, stack ?? '', String(cause)]) expect(text).not.toMatch(/hunter|body of the answer/);
  return error as NetError;
}

const redirect = (location: string, status = 302): RequestListener => {
  return (_, reply) => void reply.writeHead(status, { location }).end('body of the answer');
};

describe('a file', () => {
  it('comes as it is, in pieces, with its declared size', async () => {
    const server = await serve((_, reply) => void reply.writeHead(200, { 'content-length': 4 }).end('data'));
    const told: number[][] = [];
    const url = `http://127.0.0.1:${server.port}/x?sig=hunter2#f`;
    await get(url, { rules: RULES, maxBytes: 4, totalMilliseconds: 9000 }, (chunk, soFar, declared) => {
      told.push([chunk.length, soFar, declared]);
    });
    expect(told.at(-1)).toEqual([4, 4, 4]);
    expect(server.asked[0]).toMatchObject({
      path: '/x?sig=hunter2',
      headers: { 'accept-encoding': 'identity', 'user-agent': 'qdrant-bench' },
    });
  });

  it('may be of unknown size', async () => {
    const server = await serve((_, reply) => {
      reply.write('da');
      reply.end('ta');
    });
    expect(await fetched(`http://127.0.0.1:${server.port}/`)).toBe('data');
  });

  it.each<[string, string, RegExp]>([
    ['BadUrl', 'not a URL', /is not a URL/],
    ['BadUrl', 'http://[fe80::1%25eth0]/', /is not a URL/],
    ['BadUrl', 'ftp://data.example/x', /scheme ftp: and only http\(s\)/],
    ['BadUrl', 'file:///etc/passwd', /scheme file:/],
    ['BadUrl', 'https://user:hunter2@data.example/x', /credentials in it/],
    ['BadUrl', 'https://hunter2@data.example/x', /credentials in it/],
    ['AddressRefused', 'http://127.0.0.2/', /the address is loopback/],
    ['AddressRefused', 'http://169.254.169.254/latest/meta-data', /link-local/],
    ['AddressRefused', 'http://[fd00:ec2::254]/latest', /Amazon/],
    ['AddressRefused', 'http://metadata.example/', /metadata\.example has an address that is link-local/],
    ['Unreachable', 'http://127.0.0.1:1/', /ECONNREFUSED/],
    ['Unreachable', 'http://none.example/', /ENOTFOUND/],
  ])('is not fetched, %s: %s', async (reason, url, message) => {
    const { resolve } = names({ 'metadata.example': [['169.254.169.254']] });
    const error = await refusal(url, { resolve, headers: SECRET });
    expect(error).toMatchObject({ reason, message: expect.stringMatching(message) as string });
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('%i is followed, by five hops at most', async (status) => {
    const server = await serve((request, reply) => {
      const hop = Number(request.url?.slice(1));
      if (hop === 0) reply.end('data');
      else reply.writeHead(status, { location: `/${hop - 1}` }).end();
    });
    const url = `http://127.0.0.1:${server.port}`;
    expect(await fetched(`${url}/5`)).toBe('data');
    expect(await refusal(`${url}/6`)).toMatchObject({ reason: 'BadRedirect', message: 'needs more than 5 redirects' });
  });

  it.each([300, 304, 305])('%i is none', async (status) => {
    const server = await serve(redirect('/x', status));
    expect(await refusal(`http://127.0.0.1:${server.port}/`)).toMatchObject({ reason: 'BadAnswer' });
    expect(server.asked).toHaveLength(1);
  });

  it('leads nowhere a URL could not', async () => {
    const inner = await serve((_, reply) => void reply.end('inside'), { host: '127.0.0.2' });
    for (const [location, message] of [
      [`http://127.0.0.2:${inner.port}/`, 'the address is loopback'],
      [`//127.0.0.2:${inner.port}/`, 'the address is loopback'],
      [`http://0x7f000002:${inner.port}/`, 'the address is loopback'],
      [`http://inside.example:${inner.port}/`, 'inside.example has an address that is loopback'],
      ['http://169.254.169.254/', 'link-local'],
      ['file:///etc/passwd', 'redirects to what has scheme file:'],
      ['javascript:alert(1)', 'redirects to what has scheme javascript:'],
      ['http://user:hunter2@127.0.0.1/', 'redirects to what has credentials in it'],
      ['http://[', 'redirects to what is not a URL'],
    ] as const) {
      const first = await serve(redirect(location));
      const { resolve } = names({ 'inside.example': [['127.0.0.2']] });
      const error = await refusal(`http://127.0.0.1:${first.port}/`, { resolve });
      expect(error.message).toContain(message);
    }
    expect(inner.connections).toBe(0);
  });

  it('is checked again at every hop, where the same name may lead elsewhere by now', async () => {
    const inner = await serve((_, reply) => void reply.end('inside'), { host: '127.0.0.2' });
    const outer = await serve(redirect('/again'), { port: inner.port });
    const { resolve } = names({ 'data.example': [['127.0.0.1'], ['127.0.0.2']] });
    const error = await refusal(`http://data.example:${outer.port}/`, { resolve });
    // Pinned: the name server's second answer is never asked for.
    expect(error.message).toBe('needs more than 5 redirects');
    expect(inner.connections).toBe(0);
  });

  it('takes headers no further than their own origin', async () => {
    const other = await serve((_, reply) => void reply.end('data'));
    const first = await serve((request, reply) =>
      reply
        .writeHead(302, { location: request.url === '/' ? '/own' : `http://127.0.0.1:${other.port}/elsewhere` })
        .end(),
    );
    expect(await fetched(`http://127.0.0.1:${first.port}/`, { headers: SECRET })).toBe('data');
    expect(first.asked.map(({ path }) => path)).toEqual(['/', '/own']);
    for (const { headers } of first.asked) expect(headers).toMatchObject(SECRET);
    for (const name of Object.keys(SECRET)) expect(other.asked[0]?.headers).not.toHaveProperty(name);
  });

  describe('from https', () => {
    const before = tls.getCACertificates('default');
    const authority = createAuthority('test authority');
    const certificate = issue(authority, 'test authority', {
      commonName: 'x',
      hosts: ['127.0.0.1', 'data.example'],
      usage: 'server',
    });
    beforeAll(() => tls.setDefaultCACertificates([...before, authority.cert]));
    afterAll(() => tls.setDefaultCACertificates(before));

    it('leads to https only', async () => {
      const plain = await serve((_, reply) => void reply.end('data'));
      const secure = await serve(
        (request, reply) => {
          if (request.url === '/here') reply.end('data');
          else
            reply
              .writeHead(302, { location: request.url === '/good' ? '/here' : `http://127.0.0.1:${plain.port}/` })
              .end();
        },
        { tls: certificate },
      );
      const url = `https://127.0.0.1:${secure.port}`;
      expect(await fetched(`${url}/good`)).toBe('data');
      const error = await refusal(`${url}/bad`, { headers: SECRET });
      expect(error).toMatchObject({ reason: 'BadRedirect', message: /^redirects from https to http/ });
      expect(plain.connections).toBe(0);
    });

    it('is no way around a certificate', async () => {
      const secure = await serve((_, reply) => void reply.end('data'), { tls: certificate });
      const { resolve } = names({ 'other.example': [['127.0.0.1']], 'data.example': [['127.0.0.1']] });
      expect(await fetched(`https://data.example:${secure.port}/`, { resolve })).toBe('data');
      expect((await refusal(`https://other.example:${secure.port}/`, { resolve })).reason).toBe('Unreachable');
    });
  });
});

describe('an answer', () => {
  const endless = (reply: ServerResponse, piece: string, ms: number): void => {
    void (async () => {
      for await (const _ of every(ms)) {
        if (reply.destroyed) return;
        reply.write(piece);
      }
    })();
  };

  it.each<[string, RequestListener, string, RegExp, Partial<GetOptions>]>([
    [
      'of status 404',
      (_, r) => void r.writeHead(404).end('body of the answer'),
      'BadAnswer',
      /HTTP 404, expected 200/,
      {},
    ],
    ['of status 204', (_, r) => void r.writeHead(204).end(), 'BadAnswer', /HTTP 204/, {}],
    ['of status 206', (_, r) => void r.writeHead(206).end('body of the answer'), 'BadAnswer', /HTTP 206/, {}],
    [
      'that is packed',
      (_, r) => void r.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1e7))),
      'BadAnswer',
      /packed \(content-encoding\)/,
      {},
    ],
    [
      'declared too big',
      (_, r) => void r.writeHead(200, { 'content-length': 1001 }).write('x'),
      'TooBig',
      /1000 bytes/,
      {},
    ],
    [
      'declared absurdly big',
      (_, r) => void r.writeHead(200, { 'content-length': '9'.repeat(15) }).write('x'),
      'TooBig',
      /1000/,
      {},
    ],
    ['that turns out too big', (_, r) => void (r.write('x'.repeat(900)), r.end('x'.repeat(900))), 'TooBig', /1000/, {}],
    ['without end', (_, r) => endless(r, 'x'.repeat(300), 1), 'TooBig', /1000/, {}],
    [
      'that drips without end',
      (_, r) => endless(r, 'x', 20),
      'TooSlow',
      /longer than allowed \(300 ms\)/,
      { totalMilliseconds: 300 },
    ],
    [
      'that stops',
      (_, r) => void r.write('x'),
      'TooSlow',
      /could not be fetched \(Body Timeout/,
      { idleMilliseconds: 50 },
    ],
    [
      'that does not come',
      () => undefined,
      'TooSlow',
      /could not be fetched \(Headers Timeout/,
      { idleMilliseconds: 50 },
    ],
    [
      'shorter than declared',
      (q, r) => r.writeHead(200, { 'content-length': 99 }).write('x', () => q.socket.destroySoon()),
      'Unreachable',
      /could not be fetched/,
      {},
    ],
    [
      'that is no HTTP',
      (q) => void q.socket.end('body of the answer, and no HTTP\r\n\r\n'),
      'Unreachable',
      /no valid HTTP \(H/,
      {},
    ],
    [
      'with headers without end',
      (q) => void q.socket.end(`HTTP/1.1 200 OK\r\n${'x: body of the answer\r\n'.repeat(9000)}\r\n`),
      'Unreachable',
      /Headers Overflow|HPE_/,
      {},
    ],
    [
      'longer than declared',
      (q) => void q.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nbody of the answer'),
      'none',
      /none/,
      {},
    ],
    [
      'with two lengths',
      (q) => void q.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 5\r\n\r\nbody of the answer'),
      'Unreachable',
      /does not match content-length/,
      {},
    ],
  ])('%s is refused', async (what, listener, reason, message, options) => {
    const server = await serve(listener);
    const url = `http://127.0.0.1:${server.port}/?token=hunter2`;
    // What comes behind the end is not part of it.
    if (what === 'longer than declared') return expect(await fetched(url)).toBe('b');
    const error = await refusal(url, options);
    expect(error.reason).toBe(reason);
    expect(error.message).toMatch(message);
  });

  it('is not waited for by who has left, nor when it cannot be kept', async () => {
    const server = await serve((_, reply) => void reply.write('x'));
    const url = `http://127.0.0.1:${server.port}/`;
    const stop = new AbortController();
    const leaving = get(url, { rules: RULES, maxBytes: 9, totalMilliseconds: 9000, signal: stop.signal }, () =>
      stop.abort(new Error('enough')),
    );
    await expect(leaving).rejects.toThrow('enough');
    const full = get(url, { rules: RULES, maxBytes: 9, totalMilliseconds: 9000 }, () => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    });
    await expect(full).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});
