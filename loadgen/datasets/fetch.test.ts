import { createHash } from 'node:crypto';
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
    const attempt = fetchFile(`${await serve(listener)}/x.fvecs?token=secret`, { into, access, ...options });
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
