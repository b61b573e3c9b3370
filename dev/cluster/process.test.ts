import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify, isAlive, lastWords, startDetached, stopProcess } from './process.ts';
import { exclusively, readState, writeState } from './state.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cluster-process-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.runIf(process.platform === 'linux')('a process', () => {
  it('writes into its log, is known, and is stopped', async () => {
    const log = join(folder, 'logs', 'x.log');
    const id = await startDetached('sh', ['-c', 'echo hello; exec sleep 60'], { log });
    expect(isAlive(id)).toBe(true);
    await expect.poll(() => lastWords(log)).toBe('hello');
    await stopProcess(id);
    expect(isAlive(id)).toBe(false);
    await stopProcess(id);
  });

  it('that ignores SIGTERM is killed', async () => {
    const log = join(folder, 'x.log');
    const id = await startDetached('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'], { log });
    await expect.poll(() => lastWords(log)).toBe('ready');
    const started = Date.now();
    await stopProcess(id, 300);
    expect(Date.now() - started).toBeGreaterThanOrEqual(300);
    expect(isAlive(id)).toBe(false);
  });

  it('with the same number and another start time is somebody else, and left alone', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const real = identify(child.pid ?? 0);
    const reused = { pid: child.pid ?? 0, startTime: '1' };
    expect(isAlive(reused)).toBe(false);
    await stopProcess(reused, 0);
    expect(real !== undefined && isAlive(real)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  it('that cannot be started says so', async () => {
    await expect(startDetached('/no/such/program', [], { log: join(folder, 'x') })).rejects.toThrow('ENOENT');
  });
});

describe('the last words of a log', () => {
  it('are its last lines, however long it is', async () => {
    const log = join(folder, 'x.log');
    await writeFile(log, Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(''));
    expect(await lastWords(log, 2)).toBe('line 19998\nline 19999');
    expect(await lastWords(join(folder, 'none'))).toContain('no log');
  });
});

describe('the state of a cluster', () => {
  it('is read as it was written', async () => {
    const path = join(folder, 'state.json');
    expect(await readState(path)).toBeUndefined();
    const addresses = { slot: 0, node: '', hostEnd: '', clusterEnd: '', pods: '', services: '', dns: '', block: '' };
    const state = {
      version: 1,
      addresses,
      parts: { a: { pid: 1, startTime: '2', digest: 'd' } },
      madeDirs: [],
    } as const;
    await writeState(path, { ...state, madeDirs: [], cpuPolicy: 'none' });
    expect(await readState(path)).toEqual({ ...state, cpuPolicy: 'none' });
  });

  it.each(['', '{"version":2}', 'null'])('is not %j', async (text) => {
    const path = join(folder, 'state.json');
    await writeFile(path, text);
    await expect(readState(path)).rejects.toThrow('not the state of a cluster');
  });
});

describe.runIf(process.platform === 'linux')('the lock of a state directory', () => {
  it('lets one in at a time', async () => {
    const dir = join(folder, 'cluster');
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside -= 1;
    };
    const waited: number[] = [];
    await Promise.all([1, 2].map(() => exclusively(dir, work, { onWait: (pid) => waited.push(pid) })));
    expect(most).toBe(1);
    expect(waited).toEqual([process.pid]);
  });

  it('is taken over from a dead process and given back after a failure', async () => {
    const dir = join(folder, 'cluster');
    await writeFile(`${dir}.lock`, '{"pid":1,"startTime":"never"}');
    await expect(exclusively(dir, () => Promise.reject(new Error('work failed')))).rejects.toThrow('work failed');
    await expect(readFile(`${dir}.lock`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is not waited for after an interruption', async () => {
    const dir = join(folder, 'cluster');
    await writeFile(`${dir}.lock`, JSON.stringify(identify(process.pid)));
    const stop = new AbortController();
    const waiting = exclusively(dir, () => Promise.resolve(), { signal: stop.signal, onWait: () => stop.abort() });
    await expect(waiting).rejects.toThrow('aborted');
  });
});
