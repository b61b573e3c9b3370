import type { Machine } from '../machine.ts';
import type { Promised } from './promises.ts';

const BEGIN = '<!-- measured: written by "npm run bench -- operator" -->';
const END = '<!-- /measured -->';

/** One run, as bench/results/operator.json has it. */
export interface Run extends Pick<Machine, 'date' | 'cpu' | 'memoryGiB' | 'node'> {
  results: { versions: Record<string, string>; promises: readonly Promised[] };
}

/** A Markdown table as prettier leaves it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** The part of the page that is measured. Pure. */
export function measuredPart({ date, cpu, memoryGiB, node, results: { versions, promises } }: Run): string {
  const rows = promises.map(({ what, promise, measured, held, part }) => [
    what,
    promise,
    measured,
    held === undefined ? '' : held ? 'yes' : '**no**',
    `\`${part}\``,
  ]);
  const programs = Object.entries({ Node: node, ...versions }).map(([name, version]) => `${name} ${version}`);
  const where = `Measured on ${date.slice(0, 10)}, ${cpu}, ${memoryGiB} GiB; ${programs.join(', ')}.`;
  return `${where}\n\n${table(['what', 'promise', 'measured', 'held', 'part'], rows)}`;
}

/** The page with that part in it. @throws when the page has no place for it. */
export function withMeasured(page: string, part: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end < begin)
    throw new Error(`docs/promises.md: expected the lines ${BEGIN} and ${END}; put them back`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${part}\n\n${page.slice(end)}`;
}
