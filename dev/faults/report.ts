import { groupOf } from './plan.ts';
import type { Outcome } from './scenario.ts';

/** What a campaign has come to. */
export interface Report {
  seed: number;
  scenarios: number;
  /** Scenarios in which something was lost, done twice, left behind, or otherwise wrong. */
  lost: number;
  doubled: number;
  orphaned: number;
  wrong: number;
  /** Scenarios whose fault met nothing, and which therefore prove nothing. */
  missed: number;
  /** Writes of an undisturbed operator, and at how many of them one has died. */
  steps: { seen: number; killed: number };
  /** The longest that anything held a sweep up, outages themselves apart, s. */
  slowestRecoverySeconds: number;
  results: Result[];
}

export interface Result {
  name: string;
  recoverySeconds: number;
  missed?: true;
  violations?: string[];
}

const KINDS = ['lost', 'doubled', 'orphaned', 'wrong'] as const;

/** @param undisturbed seconds a sweep takes that nothing happens to, by variant. Pure. */
export function reportOf(
  seed: number,
  outcomes: readonly Outcome[],
  undisturbed: (outcome: Outcome) => number,
  steps: { seen: number; killed: number },
): Report {
  const results = outcomes.map((outcome): Result => ({
    name: outcome.name,
    recoverySeconds: Math.max(0, Math.round((outcome.seconds - undisturbed(outcome)) * 10) / 10),
    ...(outcome.happened ? {} : { missed: true }),
    ...(outcome.violations.length > 0
      ? { violations: outcome.violations.map(({ kind, what }) => `${kind}: ${what}`) }
      : {}),
  }));
  const having = (kind: string): number =>
    outcomes.filter(({ violations }) => violations.some((violation) => violation.kind === kind)).length;
  const [lost = 0, doubled = 0, orphaned = 0, wrong = 0] = KINDS.map(having);
  return {
    seed,
    scenarios: outcomes.length,
    lost,
    doubled,
    orphaned,
    wrong,
    missed: outcomes.filter(({ happened }) => !happened).length,
    steps,
    slowestRecoverySeconds: Math.max(0, ...results.map(({ recoverySeconds }) => recoverySeconds)),
    results,
  };
}

/** 0 when every promise was kept. A fault that met nothing breaks none. */
export const exitCodeOf = ({ lost, doubled, orphaned, wrong }: Report): number =>
  lost + doubled + orphaned + wrong === 0 ? 0 : 1;

/** A table for people, group by group, and what was wrong below it. */
export function textOf(report: Report): string {
  const groups = [...new Set(report.results.map(({ name }) => groupOf(name)))].toSorted();
  const head = ['', 'scenarios', ...KINDS, 'missed', 'slowest recovery'];
  const row = (name: string, results: readonly Result[]): string[] => [
    name,
    String(results.length),
    ...KINDS.map((kind) => String(results.filter(({ violations = [] }) => has(violations, kind)).length)),
    String(results.filter(({ missed }) => missed).length),
    `${Math.max(0, ...results.map(({ recoverySeconds }) => recoverySeconds)).toFixed(1)} s`,
  ];
  const rows = [
    head,
    ...groups.map((group) =>
      row(
        group,
        report.results.filter(({ name }) => groupOf(name) === group),
      ),
    ),
    row('all', report.results),
  ];
  const widths = head.map((_, column) => Math.max(...rows.map((cells) => (cells[column] ?? '').length)));
  const table = rows.map((cells) =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '),
  );
  const { seen, killed } = report.steps;
  const broken = report.results.flatMap(({ name, violations = [] }) => violations.map((what) => `✗ ${name}: ${what}`));
  return [
    ...table,
    '',
    `seed ${report.seed}; an undisturbed operator writes ${seen} times, and died at ${killed} of these`,
    ...broken,
    '',
  ].join('\n');
}

const has = (violations: readonly string[], kind: string): boolean =>
  violations.some((what) => what.startsWith(`${kind}:`));
