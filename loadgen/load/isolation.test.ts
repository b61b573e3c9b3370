import { describe, expect, it } from 'vitest';
import { makeIsolator, pin } from './isolation.ts';

describe('makeIsolator', () => {
  const isolation = { serverCores: [0], clientCores: [1, 2] };

  it('moves engine and load generator apart, and lets both back', async () => {
    const moves: [number, string][] = [];
    const isolator = makeIsolator(
      isolation,
      42,
      () => undefined,
      async (pid, cores) => void moves.push([pid, cores.join()]),
    );
    await isolator.isolate();
    expect(moves).toEqual([
      [process.pid, '1,2'],
      [42, '0'],
    ]);
    await isolator.release();
    expect(moves.slice(2).map(([pid]) => pid)).toEqual([process.pid, 42]);
    expect(moves[2]?.[1]).toMatch(/^0/);
  });

  it('moves only itself when the engine is elsewhere, and nothing when not asked to', async () => {
    const moves: number[] = [];
    const move = async (pid: number): Promise<void> => void moves.push(pid);
    await makeIsolator(isolation, undefined, () => undefined, move).isolate();
    expect(moves).toEqual([process.pid]);
    const none = makeIsolator(undefined, 42, () => undefined, move);
    await none.isolate();
    await none.release();
    expect(moves.length).toBe(1);
  });

  it('goes on without where it cannot be done, and says so once', async () => {
    const notes: string[] = [];
    const isolator = makeIsolator(
      isolation,
      42,
      (text) => notes.push(text),
      () => Promise.reject(new Error('no taskset')),
    );
    await isolator.isolate();
    await isolator.release();
    expect(notes).toEqual(['engine and load generator share cores: pinning failed (no taskset)']);
  });

  it('refuses a process that is not there', async () => {
    await expect(pin(999_999_999, [0])).rejects.toThrow();
  });
});
