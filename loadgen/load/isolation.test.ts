import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeIsolator, pin, preempt, prioritise, type Machine } from './isolation.ts';

/** Writes down what would be done. */
function paper(pinning: Machine['pin'] = () => Promise.resolve()) {
  const done: string[] = [];
  const machine: Machine = {
    pin: (pid, cores) => {
      done.push(`pin ${pid} ${cores.join()}`);
      return pinning(pid, cores);
    },
    prioritise: (pid, niceness) => void done.push(`nice ${pid} ${niceness}`),
    preempt: (on) => {
      done.push(`preempt ${on}`);
      return Promise.resolve();
    },
  };
  return { machine, done };
}

const own = process.pid;

describe('makeIsolator', () => {
  const isolation = { serverCores: [0], clientCores: [1, 2] };

  it('moves engine and load generator apart and before others, and lets both back', async () => {
    const { machine, done } = paper();
    const isolator = makeIsolator(isolation, 42, () => undefined, machine);
    await isolator.isolate();
    expect(done).toEqual([`pin ${own} 1,2`, 'pin 42 0', `nice ${own} -10`, 'nice 42 -10', 'preempt true']);
    done.length = 0;
    await isolator.release();
    expect(done[0]).toMatch(new RegExp(`^pin ${own} 0`));
    expect(done.slice(2)).toEqual(['preempt false', `nice ${own} 0`, 'nice 42 0']);
  });

  it('touches only itself when the engine is elsewhere, and nothing when not asked to', async () => {
    const { machine, done } = paper();
    await makeIsolator(isolation, undefined, () => undefined, machine).isolate();
    expect(done).toEqual([`pin ${own} 1,2`, `nice ${own} -10`, 'preempt true']);
    const none = makeIsolator(undefined, 42, () => undefined, machine);
    await none.isolate();
    await none.release();
    expect(done.length).toBe(3);
  });

  it('goes on without where it cannot be done, and says so once', async () => {
    const notes: string[] = [];
    const { machine } = paper(() => Promise.reject(new Error('no taskset')));
    const isolator = makeIsolator(isolation, 42, (text) => notes.push(text), machine);
    await isolator.isolate();
    await isolator.release();
    expect(notes).toEqual(['engine and load generator share cores: pinning failed (no taskset)']);
  });
});

describe('a real machine', () => {
  it('refuses to move a process that is not there, and minds no other refusal', async () => {
    await expect(pin(999_999_999, [0])).rejects.toThrow();
    prioritise(999_999_999, 0);
    await preempt(false);
  });

  it.runIf(process.platform === 'linux')('moves a process', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { stdio: 'ignore' });
    try {
      await pin(child.pid as number, [0]);
      prioritise(child.pid as number, 5);
      expect(readFileSync(`/proc/${child.pid}/status`, 'utf8')).toMatch(/^Cpus_allowed_list:\t0$/m);
      expect(readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[18]).toBe('5');
    } finally {
      child.kill('SIGKILL');
    }
  });
});
