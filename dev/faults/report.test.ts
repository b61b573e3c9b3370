import { describe, expect, it } from 'vitest';
import { exitCodeOf, reportOf, textOf } from './report.ts';
import type { Outcome } from './scenario.ts';

const outcome = (name: string, changes: Partial<Outcome> = {}): Outcome => ({
  name,
  violations: [],
  happened: true,
  seconds: 8,
  form: { status: undefined, runs: [], searches: [] },
  steps: [],
  ...changes,
});
const steps = { seen: 40, killed: 39 };
const report = (...outcomes: Outcome[]) => reportOf(7, outcomes, () => 6, steps);

describe('a report', () => {
  it('is fine when every promise was kept, also where a fault met nothing', () => {
    const fine = report(outcome('kill/kill-after/1'), outcome('api/503/finals', { happened: false, seconds: 3 }));
    expect(fine).toMatchObject({ seed: 7, scenarios: 2, lost: 0, missed: 1, slowestRecoverySeconds: 2, steps });
    expect(exitCodeOf(fine)).toBe(0);
    expect(fine.results[1]).toEqual({ name: 'api/503/finals', recoverySeconds: 0, missed: true });
  });

  it.each(['lost', 'doubled', 'orphaned', 'wrong'] as const)('is not when something was %s, and says what', (kind) => {
    const bad = report(
      outcome('edit/a/b', {
        violations: [
          { kind, what: 'a thing' },
          { kind, what: 'another' },
        ],
      }),
    );
    expect(bad[kind]).toBe(1);
    expect(exitCodeOf(bad)).toBe(1);
    expect(textOf(bad)).toContain(`✗ edit/a/b: ${kind}: a thing\n✗ edit/a/b: ${kind}: another`);
  });

  it('is a table by group', () => {
    const text = textOf(
      report(
        outcome('kill/kill-after/1', { seconds: 9.04 }),
        outcome('kill/kill-after/2'),
        outcome('api/x/y', { violations: [{ kind: 'lost', what: 'it' }] }),
      ),
    );
    expect(text.split('\n').slice(0, 4)).toEqual([
      '      scenarios  lost  doubled  orphaned  wrong  missed  slowest recovery',
      'api           1     1        0         0      0       0             2.0 s',
      'kill          2     0        0         0      0       0             3.0 s',
      'all           3     1        0         0      0       0             3.0 s',
    ]);
    expect(text).toContain('seed 7; an undisturbed operator writes 40 times, and died at 39 of these');
  });

  it('of nothing is empty', () => {
    expect(report()).toMatchObject({ scenarios: 0, slowestRecoverySeconds: 0 });
  });
});
