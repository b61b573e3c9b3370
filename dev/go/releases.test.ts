import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProcess } from '../qdrant/run-process.ts';
import { fetchRelease, PinMismatch } from './releases.ts';

let folder: string;
let server: Server;
let base: string;
let asked = 0;
const files = new Map<string, Buffer>();
const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'releases-'));
  asked = 0;
  server = createServer((request, response) => {
    asked += 1;
    const content = files.get(request.url ?? '');
    response.statusCode = content === undefined ? 404 : 200;
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const target = (): string => join(folder, 'set', 'kubectl');
const options = (now?: () => number): { memory: string; now?: () => number } => ({
  memory: join(folder, 'memory'),
  ...(now === undefined ? {} : { now }),
});

describe('a release', () => {
  it('is fetched when it is what was pinned', async () => {
    const content = Buffer.from('#!/bin/sh\necho hello\n');
    files.set('/kubectl', content);
    expect(await fetchRelease(`${base}/kubectl`, digest(content), target(), options())).toBe(true);
    expect((await runProcess(target(), [])).stdout).toBe('hello\n');
    expect(await readdir(join(folder, 'set'))).toEqual(['kubectl']);
  });

  it('is taken out of its archive', async () => {
    await mkdir(join(folder, 'linux-amd64'));
    await writeFile(join(folder, 'linux-amd64', 'kubectl'), 'inside');
    await runProcess('tar', ['-czf', join(folder, 'x.tar.gz'), '-C', folder, 'linux-amd64']);
    const content = await readFile(join(folder, 'x.tar.gz'));
    files.set('/x.tar.gz', content);
    expect(await fetchRelease(`${base}/x.tar.gz`, digest(content), target(), options())).toBe(true);
    expect(await readFile(target(), 'utf8')).toBe('inside');
    expect((await stat(target())).mode & 0o777).toBe(0o755);
  });

  it('that is something else is never kept', async () => {
    files.set('/kubectl', Buffer.from('evil'));
    const fetched = fetchRelease(`${base}/kubectl`, '0'.repeat(64), target(), options());
    await expect(fetched).rejects.toThrow(PinMismatch);
    expect(await readdir(join(folder, 'set'))).toEqual([]);
  });

  it('is not asked for again for a day after it could not be had', async () => {
    const url = `${base}/missing`;
    const day = 24 * 3600 * 1000;
    expect(await fetchRelease(url, '0'.repeat(64), target(), options())).toBe(false);
    expect(
      await fetchRelease(
        url,
        '0'.repeat(64),
        target(),
        options(() => Date.now() + day / 2),
      ),
    ).toBe(false);
    expect(asked).toBe(1);
    const content = Buffer.from('now');
    files.set('/missing', content);
    expect(
      await fetchRelease(
        url,
        digest(content),
        target(),
        options(() => Date.now() + day + 1),
      ),
    ).toBe(true);
    expect(await readdir(join(folder, 'memory'))).toEqual([]);
  });

  it('is not waited for when the user is not', async () => {
    const signal = AbortSignal.abort();
    await expect(fetchRelease(`${base}/x`, '0'.repeat(64), target(), { ...options(), signal })).rejects.toThrow(
      'abort',
    );
    expect(await readdir(folder)).not.toContain('memory');
  });
});
