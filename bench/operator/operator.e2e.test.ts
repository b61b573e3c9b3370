import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PARTS } from './figures.ts';
import { benchOperator, measureParts, type Sizes } from './operator.ts';

const FEW: Sizes = {
  firstStatus: { sweeps: 2 },
  newLeader: { rounds: 1 },
  apiOutage: { awaySeconds: 1, rounds: 1 },
  idle: { sweeps: 2, seconds: 2, settleMs: 100 },
  manySweeps: { sweeps: 8, namespaces: 2, boundSeconds: 60 },
  hostile: { objects: 6, seed: 3 },
};

it('measures everything once, and says how it stands by each promise', { timeout: 400_000 }, async () => {
  const lines: string[] = [];
  const { figures, problems, promises, versions } = await benchOperator((line) => lines.push(line), { sizes: FEW });
  expect(Object.keys(figures)).toEqual(PARTS);
  expect(problems).toEqual([]);
  expect(figures.firstStatus.seconds).toMatchObject({ count: 2 });
  expect(figures.newLeader.seconds).toMatchObject({ count: 1 });
  expect(figures.apiOutage).toMatchObject({ awaySeconds: 1, seconds: { count: 1 } });
  expect(figures.idle.memory.resident).toBeGreaterThan(1);
  expect(figures.idle.sweepCalls['CREATE jobs']).toBeGreaterThanOrEqual(2);
  expect(figures.manySweeps).toMatchObject({ ended: 8, acknowledgedSeconds: { count: 8 }, statusBytes: { count: 8 } });
  expect(figures.manySweeps.loopDelayMs?.max).toBeGreaterThan(0);
  expect(figures.hostile).toMatchObject({ objects: 6, unanswered: [], restarts: 0, fatal: 0, worksAfterwards: true });
  expect(promises.map(({ part }) => part)).toEqual(expect.arrayContaining([...PARTS]));
  expect(lines.filter((line) => /^(held|MISSED) /.test(line))).toHaveLength(
    promises.filter(({ held }) => held !== undefined).length,
  );
  expect(versions['kube-apiserver']).toMatch(/^\d+\.\d+\.\d+$/);
});

it('takes everything down when it is told to stop', { timeout: 120_000 }, async () => {
  const before = children();
  const stop = new AbortController();
  const measured = measureParts(() => undefined, ['idle'], {
    sizes: { ...FEW, idle: { sweeps: 1, seconds: 600, settleMs: 100 } },
    signal: stop.signal,
  });
  setTimeout(() => stop.abort(new Error('SIGINT')), 8000);
  await expect(measured).rejects.toThrow();
  expect(stop.signal.aborted).toBe(true);
  expect(children()).toEqual(before);
});

/** Processes this one has started that are there. */
function children(): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((entry) => parentOf(entry) === process.pid);
}

function parentOf(entry: string): number | undefined {
  if (!/^\d+$/.test(entry)) return undefined;
  try {
    return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}
