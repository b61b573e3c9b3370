import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProcess } from '../qdrant/run-process.ts';
import { pinnedDownload } from './pinned-download.ts';

const files = new Map<string, Buffer>();
const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
let folder: string;
let server: Server;
let base: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pinned-download-'));
  server = createServer((request, response) => {
    const content = files.get(request.url ?? '');
    // Never answered, so that only a timeout or a signal ends it.
    if (request.url === '/silent') return;
    response.statusCode = content === undefined ? 404 : 200;
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  files.clear();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const download = (path: string, sha256: string, more: Partial<Parameters<typeof pinnedDownload>[0]> = {}) =>
  pinnedDownload({
    url: `${base}${path}`,
    sha256,
    target: join(folder, 'bin', 'tool'),
    program: 'tool',
    timeouts: { connect: 3000 },
    mismatch: (found) => new RangeError(`found ${found}`),
    ...more,
  });
const installed = (): Promise<string[]> => readdir(join(folder, 'bin'));

async function archive(name: string): Promise<Buffer> {
  await mkdir(join(folder, 'inside', 'deep'), { recursive: true });
  await writeFile(join(folder, 'inside', 'deep', name), 'of the archive');
  await runProcess('tar', ['-czf', join(folder, 'a.tgz'), '-C', folder, 'inside']);
  return readFile(join(folder, 'a.tgz'));
}

describe('a pinned download', () => {
  it('is installed, executable, when its digest is the one named, in either case', async () => {
    const content = Buffer.from('a program');
    files.set('/tool', content);
    await download('/tool', digest(content).toUpperCase());
    expect(await readFile(join(folder, 'bin', 'tool'), 'utf8')).toBe('a program');
    expect((await stat(join(folder, 'bin', 'tool'))).mode & 0o777).toBe(0o755);
    expect(await installed()).toEqual(['tool']);
  });

  it('is taken out of its archive by its name, wherever it lies there', async () => {
    const content = await archive('tool');
    files.set('/a.tgz', content);
    await download('/a.tgz', digest(content));
    expect(await readFile(join(folder, 'bin', 'tool'), 'utf8')).toBe('of the archive');
    expect(await installed()).toEqual(['tool']);
  });

  it.each<[string, () => Promise<void>, RegExp]>([
    ['other bytes', () => download('/tool', '0'.repeat(64)), /^RangeError: found [0-9a-f]{64}$/],
    ['an error', () => download('/missing', '0'.repeat(64)), /answered 404/],
    [
      'an archive without it',
      async () => {
        const content = await archive('another');
        files.set('/b.tgz', content);
        await download('/b.tgz', digest(content));
      },
      /holds no file named tool/,
    ],
    ['no archive', () => download('/tool.tar.gz', digest(Buffer.from('evil'))), /unpacking the release failed/],
    [
      'silence',
      () => download('/silent', '0'.repeat(64), { timeouts: { connect: 3000, headers: 50, body: 50 } }),
      /fetch failed/,
    ],
    ['a caller who left', () => download('/tool', '0'.repeat(64), { signal: AbortSignal.abort() }), /abort/],
  ])('leaves nothing behind of %s', async (_what, attempt, message) => {
    files.set('/tool', Buffer.from('evil'));
    files.set('/tool.tar.gz', Buffer.from('evil'));
    const error: unknown = await attempt().catch((reason: unknown) => reason);
    expect(String(error)).toMatch(message);
    expect(await installed()).toEqual([]);
  });
});
