import { expect, it } from 'vitest';
import { memoryOf, parseMemory } from './memory.ts';

it('reads what is resident, in MiB', () => {
  const text = 'Name:\tnode\nVmPeak:\t  900000 kB\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\nThreads:\t11\n';
  expect(parseMemory(text)).toEqual({ resident: 100, peak: 200 });
});

it('says that a process has ended', () => {
  expect(() => parseMemory('Name:\tnode\nState:\tZ (zombie)\n')).toThrow('the process has ended');
});

it.skipIf(process.platform !== 'linux')('looks at a living one', async () => {
  const { resident, peak } = await memoryOf(process.pid);
  expect(resident).toBeGreaterThan(1);
  expect(peak).toBeGreaterThanOrEqual(resident);
});
