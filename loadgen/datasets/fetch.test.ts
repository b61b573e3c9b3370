import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { localAccess } from '../net/access.ts';
import { addressRules } from '../net/address-rules.ts';
import { fetchFile } from './fetch.ts';

const CONTENT = Buffer.from('some vectors');
const SHA = createHash('sha256').update(CONTENT).digest('hex');
const access = localAccess({});
const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('fetchFile', () => {
  it('leaves file: URLs where they are and checks them', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'base file.fvecs');
    await writeFile(path, CONTENT);
    const url = pathToFileURL(path).href;
    const into = join(folder.path, 'into');
    const progress: number[] = [];
    const options = { into, access, onProgress: (done: number) => progress.push(done) };
    expect(await fetchFile(url, { ...options, sha256: SHA })).toEqual({ path, sha256: SHA, bytes: CONTENT.length });
    expect(progress.at(-1)).toBe(CONTENT.length);
    await expect(fetchFile(url, { into, access, sha256: '0'.repeat(64) })).rejects.toThrow(
      new RegExp(`sha256 is ${SHA}, expected 0{64} \\(12 bytes\\)`),
    );
    expect(existsSync(path)).toBe(true);
    await expect(fetchFile(url, { into, access, maxBytes: 5 })).rejects.toMatchObject({ reason: 'DatasetInvalid' });
  });

  it.each([
    ['file:///no/such/file.fvecs', /cannot be read \(ENOENT/],
    [pathToFileURL(import.meta.dirname).href, /it is not a file/],
    ['file://host/x', /cannot be read/],
    ['http://127.0.0.1:1/x.fvecs', /could not be fetched \(.*ECONNREFUSED/],
  ])('says what is wrong with %s', async (url, message) => {
    const attempt = fetchFile(url, { into: '/nonexistent/into', access });
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ reason: 'DatasetUnreachable' });
  });

  it('streams http bodies, following a few redirects', async () => {
    await using folder = await temporaryFolder();
    const into = join(folder.path, 'into');
    const url = await serve((request, response) => {
      const hop = Number(/\/hop([0-9]+)$/.exec(request.url ?? '')?.[1] ?? 0);
      if (hop > 0) response.writeHead(302, { location: `/hop${hop - 1}` }).end('moved');
      else response.end(CONTENT);
    });
    expect(await fetchFile(`${url}/hop3`, { into, access, sha256: SHA })).toEqual({
      path: into,
      sha256: SHA,
      bytes: 12,
    });
    expect(await readFile(into)).toEqual(CONTENT);
    await expect(fetchFile(`${url}/hop9`, { into, access })).rejects.toThrow(/more than 5 redirects/);
    await expect(fetchFile(url, { into, access, sha256: '1'.repeat(64) })).rejects.toMatchObject({
      reason: 'DatasetInvalid',
    });
    expect(existsSync(into)).toBe(false);
  });

  it.each<[string, RequestListener, Partial<Parameters<typeof fetchFile>[1]>, string, RegExp]>([
    [
      'an error',
      (_, r) => void r.writeHead(404).end('nope'),
      {},
      'DatasetUnreachable',
      /answered HTTP 404, expected 200/,
    ],
    [
      'a redirect to a file',
      (_, r) => void r.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      {},
      'DatasetUnreachable',
      /redirects to what has scheme file: and only http\(s\) is fetched/,
    ],
    [
      'a long body',
      (_, r) => void r.end(CONTENT),
      { maxBytes: 5 },
      'DatasetInvalid',
      /larger than the allowed 5 bytes/,
    ],
    [
      'a long body of unknown length',
      (_, r) => {
        r.write(CONTENT);
        r.end(CONTENT);
      },
      { maxBytes: 15 },
      'DatasetInvalid',
      /larger than the allowed 15 bytes/,
    ],
    ['silence', (_, r) => void r.write('x'), { idleMilliseconds: 50 }, 'DatasetUnreachable', /could not be fetched/],
    [
      'slowness',
      (_, r) => void r.write('x'),
      { totalMilliseconds: 50 },
      'DatasetUnreachable',
      /took longer than allowed/,
    ],
    [
      'a broken body',
      (q, r) => r.writeHead(200, { 'content-length': 99 }).write('x', () => q.socket.destroy()),
      {},
      'DatasetUnreachable',
      /could not be fetched/,
    ],
  ])('refuses %s and leaves nothing behind', async (_, listener, options, reason, message) => {
    await using folder = await temporaryFolder();
    const into = join(folder.path, 'into');
    const settings = { into, access, retryMilliseconds: 1, ...options };
    const attempt = fetchFile(`${await serve(listener)}/x.fvecs?token=secret`, settings);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ reason });
    await expect(attempt).rejects.not.toThrow(/secret/);
    expect(existsSync(into)).toBe(false);
  });

  it('reads no files, and goes nowhere but where it may, in a pod', async () => {
    await using folder = await temporaryFolder();
    const into = join(folder.path, 'into');
    const path = join(folder.path, 'base.fvecs');
    await writeFile(path, CONTENT);
    const pod = { rules: addressRules({ allow: [], deny: [] }), files: false };
    for (const url of [pathToFileURL(path).href, 'FILE:///etc/passwd']) {
      await expect(fetchFile(url, { into, access: pod })).rejects.toThrow(/here are no such files; serve it by http/);
    }
    let asked = 0;
    const url = await serve((_, reply) => {
      asked += 1;
      reply.end(CONTENT);
    });
    const attempt = fetchFile(`${url}/x?token=secret`, { into, access: pod });
    await expect(attempt).rejects.toMatchObject({
      reason: 'DatasetUnreachable',
      message: `${url}/x: may not be reached: the address is loopback (RFC 1122); whoever runs Qdrant Bench here can allow it (the chart's addresses.allow)`,
    });
    expect(asked).toBe(0);
  });

  it('passes on that the disk is full, and why it was asked to stop, as they are', async () => {
    await using folder = await temporaryFolder();
    const url = await serve((_, reply) => void reply.end(CONTENT));
    await expect(fetchFile(url, { into: join(folder.path, 'no', 'folder'), access })).rejects.toMatchObject({
      code: 'ENOENT',
    });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(fetchFile(url, { into: join(folder.path, 'x'), access, signal })).rejects.toThrow('enough');
  });

  it('takes an empty file for one', async () => {
    await using folder = await temporaryFolder();
    const into = join(folder.path, 'into');
    const url = await serve((_, reply) => void reply.end());
    expect(await fetchFile(url, { into, access })).toMatchObject({ path: into, bytes: 0 });
    expect(existsSync(into)).toBe(true);
  });
});

describe('a download that breaks off', () => {
  const WHOLE = randomBytes(300_000);
  const OTHER = randomBytes(250_000);

  /** A server that cuts each answer after some bytes, as many times as `cuts` says; it asks `of` which file it has. */
  function breaking(
    cuts: readonly number[],
    of: (request: number) => { bytes: Buffer; headers?: Record<string, string>; ranges?: boolean },
  ): { listener: RequestListener; ranges: (string | undefined)[] } {
    const ranges: (string | undefined)[] = [];
    return {
      ranges,
      listener: (request, reply) => {
        const { bytes, headers = {}, ranges: can = true } = of(ranges.length);
        const cut = cuts[ranges.length];
        ranges.push(request.headers.range);
        const same = request.headers['if-range'] === (headers['etag'] ?? headers['last-modified']);
        const from = can && same ? Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
        const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
        reply.writeHead(from > 0 ? 206 : 200, { ...headers, ...range, 'content-length': bytes.length - from });
        if (cut === undefined) return void reply.end(bytes.subarray(from));
        reply.write(bytes.subarray(from, from + cut), () => setTimeout(() => request.socket.destroy(), 20));
      },
    };
  }

  async function fetched(
    listener: RequestListener,
    options: Partial<Parameters<typeof fetchFile>[1]> = {},
  ): Promise<{ content: Buffer; sha256: string; bytes: number }> {
    await using folder = await temporaryFolder();
    const into = join(folder.path, 'into');
    const settings = { into, access, retryMilliseconds: 1, ...options };
    const { path, ...rest } = await fetchFile(`${await serve(listener)}/x`, settings);
    return { content: await readFile(path), ...rest };
  }
  const shaOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

  it.each([
    ['ETag', { etag: '"v1"' }],
    ['date', { 'last-modified': 'Sat, 21 Nov 2026 08:00:00 GMT' }],
  ])('is taken up where it was left, by the file’s %s', async (_, headers) => {
    const { listener, ranges } = breaking([100_000, 100, 150_000], () => ({ bytes: WHOLE, headers }));
    const progress: number[] = [];
    const { content, sha256, bytes } = await fetched(listener, { onProgress: (done) => progress.push(done) });
    expect(content.equals(WHOLE)).toBe(true);
    expect([sha256, bytes]).toEqual([shaOf(WHOLE), WHOLE.length]);
    expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=100100-', 'bytes=250100-']);
    expect(progress.toSorted((a, b) => a - b)).toEqual(progress);
  });

  it.each<[string, (request: number) => { bytes: Buffer; headers?: Record<string, string>; ranges?: boolean }]>([
    ['has changed', (request) => ({ bytes: request === 0 ? OTHER : WHOLE, headers: { etag: `"v${request}"` } })],
    ['is served whole only', () => ({ bytes: WHOLE, headers: { etag: '"v1"' }, ranges: false })],
    ['has no name of its bytes', () => ({ bytes: WHOLE })],
    ['has a weak ETag only', () => ({ bytes: WHOLE, headers: { etag: 'W/"v1"' } })],
  ])('begins anew when the file %s', async (_, of) => {
    const { listener } = breaking([200_000], of);
    const { content, sha256 } = await fetched(listener);
    expect(content.equals(WHOLE)).toBe(true);
    expect(sha256).toBe(shaOf(WHOLE));
  });

  it('passes over servers that are busy meanwhile', async () => {
    let asked = 0;
    const { listener } = breaking([1000], () => ({ bytes: WHOLE, headers: { etag: '"v1"' } }));
    const busy: RequestListener = (request, reply) => {
      asked += 1;
      if (asked === 2 || asked === 3) return void reply.writeHead(503).end();
      listener(request, reply);
    };
    expect((await fetched(busy)).content.equals(WHOLE)).toBe(true);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['another part', { etag: '"v1"', 'content-range': 'bytes 5-299999/300000' }, /another part of the file/],
    ['no range', { etag: '"v1"' }, /another part of the file/],
    ['a part of another file', { etag: '"v2"', 'content-range': 'bytes 1000-299999/300000' }, /a part of another file/],
  ])('is given up when it is always answered with %s', async (_, headers, message) => {
    const { listener } = breaking([1000], () => ({ bytes: WHOLE, headers: { etag: '"v1"' } }));
    let asked = 0;
    const lying: RequestListener = (request, reply) => {
      asked += 1;
      if (asked === 1) listener(request, reply);
      else reply.writeHead(206, headers).end(WHOLE);
    };
    const attempt = fetched(lying);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toThrow(/\(1000 bytes had come\)$/);
    // The first, and five more without a byte more.
    expect(asked).toBe(6);
  });

  it('is larger than allowed also in parts', async () => {
    const { listener } = breaking([100_000], (request) => ({
      bytes: request === 0 ? WHOLE.subarray(0, 200_000) : WHOLE,
      headers: { etag: '"v1"' },
    }));
    await expect(fetched(listener, { maxBytes: 200_000 })).rejects.toThrow(/larger than the allowed 200000 bytes/);
  });

  it('is not waited for when nobody wants it any more', async () => {
    const stop = new AbortController();
    const { listener } = breaking([1000, 0], () => ({ bytes: WHOLE, headers: { etag: '"v1"' } }));
    const attempt = fetched(listener, {
      retryMilliseconds: 60_000,
      signal: stop.signal,
      onProgress: () => setTimeout(() => stop.abort(new Error('enough')), 100),
    });
    await expect(attempt).rejects.toThrow('enough');
  });
});
