import { humanDuration } from '../crds/duration.ts';
import type { ProgressMessage } from '../loadgen/protocol.ts';
import { summary } from '../operator/judge/bodies.ts';
import { isClosedLoop, metricValue } from '../operator/judge/metrics.ts';
import type { SweepEvent } from '../operator/sweep/ports.ts';
import { LiveLine, type ProgressSink } from './live-line.ts';

const UNITS: Readonly<Record<ProgressMessage['phase'], string>> = {
  Fetching: 'fetching the dataset',
  Generating: 'making the dataset',
  GroundTruth: 'computing the exact neighbours',
  Uploading: 'uploading',
  Indexing: 'waiting for the index',
  Recall: 'measuring recall',
  Loading: 'measuring under load',
  Finals: 'measuring the finalists again',
};

/** `uploading 31000/50000 (62 %), 15000/s, 1.3 s left, detail`. */
export function progressText({ phase, done, total, rate, detail }: ProgressMessage): string {
  const parts = [UNITS[phase]];
  if (total > 0) parts[0] += ` ${Math.round(done)}/${Math.round(total)} (${Math.floor((100 * done) / total)} %)`;
  if (rate !== undefined && rate > 0) {
    parts.push(`${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)}/s`);
    if (total > done) parts.push(`${humanDuration((total - done) / rate)} left`);
  }
  if (detail) parts.push(detail);
  return parts.join(', ');
}

/** A lasting line for an event, or undefined when it is only worth the moving line. */
export function eventText(event: SweepEvent): string | undefined {
  switch (event.type) {
    case 'phase':
      return event.message;
    case 'run': {
      const { number, of, role, build, attempt, why } = event;
      const what = role === 'Baseline' ? "baseline: Qdrant's defaults" : summary({ build, search: {} });
      return `build ${number}/${of}  ${what}${attempt > 1 ? `  (attempt ${attempt})` : ''}${why ? `\n           ${why}` : ''}`;
    }
    case 'search': {
      const { search } = event;
      if (search.stage === 'Recall') return undefined;
      const rate = metricValue(search.metrics, 'throughput');
      const label =
        summary({ build: {}, search: search.search }).replace(/^Qdrant's defaults( · )?/, '') ||
        "Qdrant's default search";
      const again =
        search.stage === 'Final' ? `final ${search.repeat}  ${summary({ build: search.build, search: {} })} · ` : '';
      return `           ${again}${label}: ${rate === undefined ? '' : `${rate.toFixed(0)}/s${isClosedLoop(search.metrics) ? ' (closed loop)' : ''}, `}${search.verdict}: ${search.message}`;
    }
    case 'attemptFailed':
      return `attempt ${event.attempt} of run ${event.run} failed: ${event.message}`;
    case 'finals':
      return `finals     ${event.arms} configurations, ${event.repeats} repeats, interleaved`;
    default:
      return undefined;
  }
}

/** Renders a sweep's events for a person. */
export class Progress {
  readonly #sink: ProgressSink;
  readonly #live: LiveLine;
  #build = '';
  #eta: string | undefined;

  constructor(sink: ProgressSink) {
    this.#sink = sink;
    this.#live = new LiveLine(sink);
  }

  /** The end as status estimates it, ISO 8601. */
  estimate(completionAt: string | undefined): void {
    this.#eta = completionAt;
  }

  handle(event: SweepEvent): void {
    if (event.type === 'run') this.#build = `build ${event.number}/${event.of} `;
    if (event.type === 'finals') this.#build = 'finals ';
    const lasting = eventText(event);
    if (lasting !== undefined) this.#live.line(lasting);
    else if (event.type === 'progress') this.#move(`${this.#build}${progressText(event.progress)}`);
  }

  /** Ends the moving line, if there is one. */
  end(): void {
    this.#live.end();
  }

  #move(text: string): void {
    const left = this.#eta ? (Date.parse(this.#eta) - this.#sink.now()) / 1000 : 0;
    this.#live.move(left > 0 ? `${text}; about ${humanDuration(left)} to the end` : text);
  }
}
