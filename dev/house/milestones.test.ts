import { describe, expect, it } from 'vitest';
import { milestoneProblems, parseMilestones } from './milestones.ts';

const plan = (rows: string[]) => ['| id | title | state | tests |', '|---|---|---|---|', ...rows].join('\n');

describe('milestones', () => {
  it('reads id, title, state and tests of each row', () => {
    expect(parseMilestones(plan(['| A1 | The house | done | `a.test.ts`, `b.test.ts` |']))).toEqual([
      { id: 'A1', title: 'The house', state: 'done', tests: ['a.test.ts', 'b.test.ts'] },
    ]);
  });

  it.each([
    ['no file', undefined, /is missing/],
    ['no rows', '# Plan', /names no milestone/],
    ['an unknown state', plan(['| A1 | x | finished | |']), /state "finished" is none of todo, doing, done/],
    ['done without a test', plan(['| A1 | x | done | |']), /names no test/],
    ['done by a test that is not there', plan(['| A1 | x | done | `gone.test.ts` |']), /does not exist/],
    ['done by a test that did not pass', plan(['| A1 | x | done | `idle.test.ts` |']), /no test passed/],
  ])('refuses %s', (_, markdown, expected) => {
    const ran = new Map([['a.test.ts', 2]]);
    const problems = milestoneProblems(markdown, (file) => file !== 'gone.test.ts', ran);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(expected);
  });

  it('is content when every done milestone names a test that ran, and asks nothing of the others', () => {
    const markdown = plan([
      '| A1 | x | done | `a.test.ts` |',
      '| A2 | y | doing | |',
      '| A3 | z | todo | `gone.test.ts` |',
    ]);
    expect(milestoneProblems(markdown, () => true, new Map([['a.test.ts', 2]]))).toEqual([]);
    expect(milestoneProblems(markdown, () => true)).toEqual([]);
  });
});
