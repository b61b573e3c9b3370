import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { completeSymlinks, installedPostgres, publicCopy, publicDirectory, publiclyReachable } from './binaries.ts';
import { startPostgres } from './server.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

function temporary(): string {
  const folder = realpathSync(mkdtempSync(join(publicDirectory(), 'qdrant-bench-test-')));
  undo.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

function runs(pid: number): boolean {
  return existsSync(`/proc/${String(pid)}`) && !/\) Z /.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
}

describe('a Postgres server for tests', () => {
  it('runs, wants its password, and leaves nothing when stopped', async () => {
    const server = await startPostgres();
    undo.push(() => server.stop());
    const folder = String(await ask(server.url, 'show data_directory'));
    expect(existsSync(folder)).toBe(true);
    expect(statSync(`/proc/${String(server.pid)}`).uid).not.toBe(0);
    await expect(ask(server.url.replace(/:[^:@]*@/, ':wrong@'), 'select 1')).rejects.toMatchObject({ code: '28P01' });
    await server.stop();
    await server.stop();
    expect(runs(server.pid)).toBe(false);
    expect(existsSync(join(folder, '..'))).toBe(false);
  });

  it('keeps its data, password and port when it crashes and is started again', async () => {
    const dataDir = temporary();
    const first = await startPostgres({ dataDir });
    undo.push(() => first.stop());
    await ask(first.url, 'create table kept as select 42 as answer');
    await first.crash();
    expect(runs(first.pid)).toBe(false);
    const second = await startPostgres({ dataDir, port: first.port });
    undo.push(() => second.stop());
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'select answer from kept')).toBe(42);
    await expect(startPostgres({ dataDir, port: first.port })).rejects.toThrow('Postgres ended while starting');
  });

  it('ends with the process that started it, even when that is killed', async () => {
    const script = fileURLToPath(new URL('testing/parent.ts', import.meta.url));
    const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { value } = await createInterface({ input: parent.stdout })[Symbol.asyncIterator]().next();
    const { pid, url } = JSON.parse(String(value)) as { pid: number; url: string };
    const folder = String(await ask(url, 'show data_directory'));
    parent.kill('SIGKILL');
    while (runs(pid) || existsSync(join(folder, '..'))) await sleep(10);
    expect(runs(pid)).toBe(false);
  });
});

describe('the programs', () => {
  it('get the symlinks the package lists, once', () => {
    const folder = temporary();
    const native = join(folder, 'native');
    mkdirSync(join(native, 'lib'), { recursive: true });
    completeSymlinks(native);
    const links = [
      { source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so.1' },
      { source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so' },
    ];
    writeFileSync(join(native, 'pg-symlinks.json'), JSON.stringify(links));
    writeFileSync(join(native, 'lib', 'libx.so.1.2'), 'library');
    symlinkSync('libx.so.1.2', join(native, 'lib', 'libx.so'));
    completeSymlinks(native);
    completeSymlinks(native);
    for (const name of ['libx.so', 'libx.so.1']) {
      expect(lstatSync(join(native, 'lib', name)).isSymbolicLink()).toBe(true);
      expect(readFileSync(join(native, 'lib', name), 'utf8')).toBe('library');
    }
  });

  it('are copied, once, to where everyone can reach them', () => {
    const closed = temporary();
    const open = temporary();
    chmodSync(open, 0o755);
    cpSync(join(installedPostgres(), 'share', 'postgresql', 'timezonesets'), join(closed, 'native', 'share'), {
      recursive: true,
    });
    symlinkSync('share', join(closed, 'native', 'link'));
    writeFileSync(join(closed, 'package.json'), '{"version":"1.2.3"}');
    expect(publiclyReachable(closed)).toBe(false);
    chmodSync(join(closed, 'native', 'share'), 0o700);
    const copy = publicCopy(join(closed, 'native'), open);
    expect(publiclyReachable(join(copy, 'share'))).toBe(true);
    expect(publiclyReachable(copy)).toBe(true);
    expect(readdirSync(copy)).toEqual(['link', 'share']);
    expect(lstatSync(join(copy, 'link')).isSymbolicLink()).toBe(true);
    writeFileSync(join(copy, 'mark'), '');
    expect(publicCopy(join(closed, 'native'), open)).toBe(copy);
    expect(readdirSync(copy)).toContain('mark');
    expect(readdirSync(open)).toHaveLength(1);
    rmSync(copy, { recursive: true });
    rmSync(join(copy, '..'), { recursive: true });
    writeFileSync(join(copy, '..'), 'something else');
    expect(() => publicCopy(join(closed, 'native'), open)).toThrow('remove it');
    rmSync(join(open, readdirSync(open)[0] ?? ''));
    expect(() => publicCopy(join(closed, 'nothing'), open)).toThrow('ENOENT');
    expect(readdirSync(open)).toEqual([]);
  });

  it('are found for this machine', () => {
    expect(existsSync(join(installedPostgres(), 'bin', 'postgres'))).toBe(true);
    expect(publiclyReachable(tmpdir())).toBe(true);
  });
});
