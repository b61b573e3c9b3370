/** A row of the table of milestones in IMPLEMENTATION_PLAN.md. */
export interface Milestone {
  id: string;
  title: string;
  state: string;
  /** Test files, relative to the checkout, that show it. */
  tests: string[];
}

const STATES = ['todo', 'doing', 'done'];

/** Reads the rows `| id | title | state | tests |` of the plan; tests are file names in backticks. */
export function parseMilestones(markdown: string): Milestone[] {
  const milestones: Milestone[] = [];
  for (const line of markdown.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells.length < 6 || !/^[A-Z][0-9]+$/.test(cells[1] ?? '')) continue;
    milestones.push({
      id: cells[1] as string,
      title: cells[2] as string,
      state: cells[3] as string,
      tests: [...(cells[4] as string).matchAll(/`([^`]+)`/g)].map((match) => match[1] as string),
    });
  }
  return milestones;
}

/**
 * What is wrong with the plan: one sentence each. `exists` tells whether a file is there; `passed` maps each test file
 * that ran to the number of its tests that passed, and is omitted before the tests have run.
 */
export function milestoneProblems(
  markdown: string | undefined,
  exists: (file: string) => boolean,
  passed?: ReadonlyMap<string, number>,
): string[] {
  if (markdown === undefined) return ['IMPLEMENTATION_PLAN.md is missing: it holds the milestones and their states'];
  const milestones = parseMilestones(markdown);
  if (milestones.length === 0)
    return ['IMPLEMENTATION_PLAN.md names no milestone: add rows "| A1 | title | state | `tests` |"'];
  const problems: string[] = [];
  for (const { id, state, tests } of milestones) {
    if (!STATES.includes(state)) problems.push(`milestone ${id}: state "${state}" is none of ${STATES.join(', ')}`);
    if (state !== 'done') continue;
    if (tests.length === 0) problems.push(`milestone ${id} is done but names no test`);
    for (const test of tests) {
      if (!exists(test)) problems.push(`milestone ${id} is done by ${test}, which does not exist`);
      else if (passed && !(passed.get(test) ?? 0))
        problems.push(`milestone ${id} is done by ${test}, of which no test passed in this run`);
    }
  }
  return problems;
}
