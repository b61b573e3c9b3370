import { total } from './api-calls.ts';
import type { Figures } from './figures.ts';
import { isAnswer } from './outcomes.ts';

/** Something the operator promises, beside what was measured. */
export interface Promised {
  what: string;
  promise: string;
  measured: string;
  /** Absent where nothing is promised. */
  held?: boolean;
  /** The measurement it is from. */
  part: keyof Figures;
}

interface Row {
  part: keyof Figures;
  what: string;
  promise?: string;
  measured: (figures: Figures) => string;
  held?: (figures: Figures) => boolean;
}

const seconds = ({ count, p50, p95, max }: Figures['firstStatus']['seconds']): string =>
  count < 10 ? `${max} s at worst of ${count}` : `p50 ${p50} s, p95 ${p95} s, worst ${max} s of ${count}`;

const ROWS: readonly Row[] = [
  {
    part: 'firstStatus',
    what: 'a new sweep has its first status',
    promise: '< 2 s',
    measured: ({ firstStatus }) => seconds(firstStatus.seconds),
    held: ({ firstStatus }) => firstStatus.seconds.max < 2,
  },
  {
    part: 'newLeader',
    what: 'the leader is killed: a standby goes on with its sweep',
    promise: '< 20 s',
    measured: ({ newLeader }) => seconds(newLeader.seconds),
    held: ({ newLeader }) => newLeader.seconds.max < 20,
  },
  {
    part: 'apiOutage',
    what: 'the API server comes back: the first reconcile',
    promise: '< 30 s',
    measured: ({ apiOutage: { awaySeconds, seconds: took } }) => `${seconds(took)}, away for ${awaySeconds} s`,
    held: ({ apiOutage }) => apiOutage.seconds.max < 30,
  },
  {
    part: 'idle',
    what: 'idle with finished sweeps: API calls',
    promise: '< 1 a second',
    measured: ({ idle }) => `${idle.callsPerSecond} a second, ${idle.sweeps} sweeps, over ${idle.seconds} s`,
    held: ({ idle }) => idle.callsPerSecond < 1,
  },
  {
    part: 'idle',
    what: 'idle with finished sweeps: resident memory',
    promise: '< 256 MiB',
    measured: ({ idle: { memory } }) => `${mebibytes(memory.resident)}, ${mebibytes(memory.peak)} since its start`,
    held: ({ idle }) => idle.memory.resident < 256,
  },
  {
    part: 'manySweeps',
    what: 'many sweeps at once: each is acknowledged',
    promise: 'all',
    measured: ({ manySweeps: { acknowledgedSeconds: took } }) => seconds(took),
    held: ({ manySweeps }) => manySweeps.acknowledgedSeconds.count === manySweeps.sweeps,
  },
  {
    part: 'manySweeps',
    what: 'many sweeps at once: those that end',
    measured: ({ manySweeps: { ended, sweeps, seconds: took } }) => `${ended} of ${sweeps} in ${Math.round(took)} s`,
  },
  {
    part: 'manySweeps',
    what: 'many sweeps at once: API calls a sweep, until its end',
    measured: ({ manySweeps, idle }) =>
      `${Math.round(manySweeps.callsPerEndedSweep)}; ${Math.round(idle.callsPerSweep)} where ${idle.sweeps} came at once`,
  },
  {
    part: 'manySweeps',
    what: 'many sweeps at once: memory at its peak',
    promise: "< 512 MiB, the chart's limit",
    measured: ({ manySweeps }) => mebibytes(manySweeps.peakMemory),
    held: ({ manySweeps }) => manySweeps.peakMemory < 512,
  },
  {
    part: 'manySweeps',
    what: 'many sweeps at once: event loop held up',
    measured: ({ manySweeps: { loopDelayMs: delay } }) =>
      delay ? `worst second: p99 ${Math.round(delay.p99)} ms, max ${Math.round(delay.max)} ms` : 'not told',
  },
  {
    part: 'manySweeps',
    what: 'size of a status',
    promise: '< 64 KiB',
    measured: ({ manySweeps: { statusBytes } }) => `${statusBytes.max} bytes at most, p50 ${statusBytes.p50}`,
    held: ({ manySweeps }) => manySweeps.statusBytes.max < 64 * 1024,
  },
  {
    part: 'hostile',
    what: 'malformed and hostile sweeps: each is refused or answered',
    promise: 'all',
    measured: ({ hostile }) =>
      `${total(hostile.outcomes) - unanswered(hostile)} of ${hostile.objects}: ${shares(hostile)}`,
    held: ({ hostile }) => unanswered(hostile) === 0 && total(hostile.outcomes) === hostile.objects,
  },
  {
    part: 'hostile',
    what: 'malformed and hostile sweeps: restarts, fatal lines',
    promise: 'none, and it works on',
    measured: ({ hostile: { restarts, fatal, worksAfterwards } }) =>
      `${restarts} and ${fatal}; an ordinary sweep afterwards ${worksAfterwards ? 'completed' : 'did not complete'}`,
    held: ({ hostile: { restarts, fatal, worksAfterwards } }) => restarts === 0 && fatal === 0 && worksAfterwards,
  },
];

/** Every row of those that were measured. Pure. */
export function compare(figures: Figures): Promised[] {
  return ROWS.map(({ part, what, promise, measured, held }) => ({
    what,
    promise: promise ?? 'none',
    measured: measured(figures),
    ...(held ? { held: held(figures) } : {}),
    part,
  }));
}

const mebibytes = (value: number): string => `${Math.round(value)} MiB`;

/** How many objects got no answer anybody could act on. */
const unanswered = ({ outcomes }: Figures['hostile']): number =>
  Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (isAnswer(outcome) ? 0 : count), 0);

function shares({ outcomes }: Figures['hostile']): string {
  const kinds = new Map<string, number>();
  for (const [outcome, count] of Object.entries(outcomes)) {
    const kind = outcome.split(':', 1)[0] as string;
    kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  }
  return Array.from(kinds, ([kind, count]) => `${count} ${kind}`).join(', ');
}
