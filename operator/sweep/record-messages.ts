import type { Message, ProgressMessage, SearchMessage, SeriesMessage } from '../../loadgen/protocol.ts';
import { summary } from '../judge/bodies.ts';
import { withCosts } from '../judge/costs.ts';
import type { SearchRecord } from '../judge/history.ts';
import { judgeSearch } from '../judge/judge-search.ts';
import type { Metric } from '../judge/metrics.ts';
import type { SweepContext } from './context.ts';
import type { SweepPorts } from './ports.ts';
import type { Observed } from './state.ts';

/** Judges and commits each finished search as it arrives, keeps the series, passes progress on. */
export function recorder(
  observed: Observed,
  context: SweepContext,
  { store, now, log, onEvent }: SweepPorts,
  identify: (
    message: Pick<SearchMessage, 'id'>,
  ) => Pick<SearchRecord, 'run' | 'attempt' | 'build' | 'search'> | undefined,
): (message: Message) => Promise<void> {
  const { constraints, pricePerHour } = observed.study;
  return async (message) => {
    if (message.type === 'progress') onEvent({ type: 'progress', progress: readable(message, identify) });
    if (message.type === 'series') {
      // Charts may miss a second; a search must not be lost for it.
      await store
        .appendSeries(context.experiment, [seriesPoint(message)])
        .catch((error: unknown) => log.warn({ error: String(error) }, 'series not kept'));
    }
    if (message.type !== 'search') return;
    const what = identify(message);
    if (!what) {
      log.warn({ id: message.id }, 'a search nobody asked for');
      return;
    }
    const metrics = withCosts(message.metrics as Metric[], pricePerHour);
    const {
      verdict,
      reason,
      message: sentence,
    } = judgeSearch({ stage: message.stage, metrics, limited: message.limited }, constraints);
    const record: SearchRecord = {
      id: message.id,
      ...what,
      repeat: message.repeat,
      stage: message.stage,
      metrics,
      verdict,
      reason,
      message: sentence,
      seconds: message.seconds,
      finishedAt: now().toISOString(),
    };
    await store.commitSearch(context.experiment, record);
    onEvent({ type: 'search', search: record });
  };
}

/** The load generator knows searches by their ids; a person by what they ask for. */
function readable(
  progress: ProgressMessage,
  identify: (message: Pick<SearchMessage, 'id'>) => Pick<SearchRecord, 'search'> | undefined,
): ProgressMessage {
  const [id = '', ...rest] = progress.detail?.split(': ') ?? [];
  const what = identify({ id });
  if (!what) return progress;
  const asked = summary({ build: {}, search: what.search }).replace(/^Qdrant's defaults · /, '');
  return { ...progress, detail: [asked, ...rest].join(': ') };
}

function seriesPoint({ search, repeat, second, ...rest }: SeriesMessage): {
  search: string;
  repeat: number;
  second: number;
  values: Record<string, number>;
} {
  const { type: _, ...values } = rest;
  return { search, repeat, second, values };
}
