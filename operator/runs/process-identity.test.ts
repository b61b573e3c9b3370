import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { liveness, parseStat, see, thisProcess } from './process-identity.ts';

const owner = { pid: 7, startTime: '100', boot: 'boot', pidNamespace: 'pid:[1]', host: 'here' };

describe('liveness', () => {
  it.each([
    ['the same process', {}, { startTime: '100' }, 'Alive'],
    ['no such process', {}, undefined, 'Dead'],
    ['its number was given to a later one', {}, { startTime: '101' }, 'Dead'],
    ['its start cannot be seen', {}, { startTime: null }, 'Alive'],
    ['the machine was started again', { boot: 'before' }, { startTime: '100' }, 'Dead'],
    ['another machine', { boot: 'other', host: 'there' }, undefined, 'Unknown'],
    ['another container', { pidNamespace: 'pid:[2]' }, undefined, 'Unknown'],
    ['nothing is known of its start', { startTime: null }, { startTime: '5' }, 'Alive'],
  ] as const)('%s', (_, change, seen, expected) => {
    expect(liveness({ ...owner, ...change }, owner, () => seen)).toBe(expected);
  });

  it('sees itself', () => {
    expect(liveness(thisProcess(), thisProcess())).toBe('Alive');
    expect(thisProcess().startTime).toMatch(/^\d+$/);
  });

  it('does not take a killed child that nobody has reaped yet for alive', async () => {
    // The shell's child is killed while the shell, stopped, cannot reap it.
    const shell = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; kill -STOP $$; wait'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [chunk] = (await once(shell.stdout, 'data')) as [Buffer];
    const pid = Number(chunk.toString());
    const seen = see(pid);
    expect(seen?.startTime).toMatch(/^\d+$/);
    process.kill(pid, 'SIGKILL');
    while (see(pid) !== undefined) await new Promise(setImmediate);
    // Still in the process table: a signal can be sent to it.
    expect(process.kill(pid, 0)).toBe(true);
    shell.kill('SIGKILL');
    await once(shell, 'exit');
  });

  it('reads a stat line whatever the process is called', () => {
    const rest = Array.from({ length: 40 }, (_, index) => String(index + 4)).join(' ');
    expect(parseStat(`12 (a) R 1 (b) c)) S ${rest}`)).toMatchObject({ state: 'S', startTime: '22' });
    expect(parseStat('12 (a) S 1 2')).toBeUndefined();
    expect(parseStat('')).toBeUndefined();
  });
});
