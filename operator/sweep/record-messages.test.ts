import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Message, SearchMessage } from '../../loadgen/protocol.ts';
import type { SearchRecord } from '../judge/history.ts';
import type { RunStore, SeriesPoint } from '../runs/run-store.ts';
import type { SweepEvent, SweepPorts } from './ports.ts';
import { recorder } from './record-messages.ts';
import { SimulatedSweep } from './simulated.test-support.ts';

const search = (changes: Partial<SearchMessage> = {}): SearchMessage => ({
  type: 'search',
  id: 's1',
  run: 'r',
  repeat: 0,
  stage: 'Load',
  metrics: [
    { name: 'recall', value: 0.99 },
    { name: 'throughput', value: 1000, unit: '1/s' },
    { name: 'errorRate', value: 0 },
  ],
  seconds: 2,
  ...changes,
});
const series: Message = {
  type: 'series',
  search: 's1',
  repeat: 0,
  second: 3,
  offeredRate: 10,
  achievedRate: 9,
  latencyP50: 1,
  latencyP95: 2,
  latencyP99: 3,
  errors: 0,
};

function recording(failure?: Error) {
  const committed: SearchRecord[] = [];
  const points: SeriesPoint[] = [];
  const events: SweepEvent[] = [];
  const warnings: string[] = [];
  const store: Pick<RunStore, 'commitSearch' | 'appendSeries'> = {
    commitSearch: (experiment, record) => {
      expect(experiment).toBe('e');
      if (failure) return Promise.reject(failure);
      committed.push(record);
      return Promise.resolve(true);
    },
    appendSeries: (_experiment, more) => {
      if (failure) return Promise.reject(failure);
      points.push(...more);
      return Promise.resolve();
    },
  };
  const ports = {
    store,
    now: () => new Date(0),
    log: pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) }),
    onEvent: (event: SweepEvent) => void events.push(event),
  } as unknown as SweepPorts;
  const context = { experiment: 'e', datasetDir: '', failures: new Map(), builds: new Map() };
  const record = recorder(
    new SimulatedSweep({ constraints: { recall: { min: 0.9 } } }).observe(),
    context,
    ports,
    ({ id }) => (id === 's1' ? { run: 'r', attempt: 2, build: {}, search: { 'params.hnsw_ef': 64 } } : undefined),
  );
  return { record, committed, points, events, warnings };
}

describe('a load generator’s messages', () => {
  it('are judged and in the record before anybody hears of them', async () => {
    const { record, committed, events } = recording();
    await record(search());
    expect(committed).toMatchObject([
      { id: 's1', run: 'r', attempt: 2, stage: 'Load', verdict: 'Passed', reason: 'ConstraintsMet', seconds: 2 },
    ]);
    expect(events).toEqual([{ type: 'search', search: committed[0] }]);
    const refused = recording(new Error('Postgres is away'));
    await expect(refused.record(search())).rejects.toThrow('Postgres is away');
    expect(refused.events).toEqual([]);
  });

  it('that say why their numbers cannot be trusted are Inconclusive for that reason', async () => {
    const { record, committed } = recording();
    await record(search({ limited: { reason: 'ClientLimited', message: 'the client was too slow' } }));
    expect(committed).toMatchObject([{ verdict: 'Inconclusive', reason: 'ClientLimited' }]);
  });

  it('about searches nobody asked for are dropped, with a warning', async () => {
    const { record, committed, warnings } = recording();
    await record(search({ id: 'unknown' }));
    expect(committed).toEqual([]);
    expect(warnings.join()).toContain('a search nobody asked for');
  });

  it('keep a second of load for charts; that one is lost hurts nobody', async () => {
    const { record, points } = recording();
    await record(series);
    const { type: _, search: id, repeat, second, ...values } = series as Extract<Message, { type: 'series' }>;
    expect(points).toEqual([{ search: id, repeat, second, values }]);
    const refused = recording(new Error('Postgres is away'));
    await expect(refused.record(series)).resolves.toBeUndefined();
    expect(refused.warnings.join()).toContain('series not kept');
  });

  it.each([
    ['a search by what it asks for', 's1: 120 of 500', /64: 120 of 500$/],
    ['another phrase as it is', 'waiting for green', /^waiting for green$/],
  ])('tell progress in words for people: %s', async (_what, detail, expected) => {
    const { record, events } = recording();
    await record({ type: 'progress', phase: 'Recall', done: 1, total: 2, detail });
    const [event] = events;
    expect(event?.type === 'progress' ? event.progress.detail : '').toMatch(expected);
    await record({ type: 'progress', phase: 'Indexing', done: 1, total: 2 });
    expect(events[1]).toEqual({
      type: 'progress',
      progress: { type: 'progress', phase: 'Indexing', done: 1, total: 2 },
    });
  });

  it('of other kinds are somebody else’s', async () => {
    const { record, committed, events, points } = recording();
    await record({ type: 'done' });
    expect([committed, events, points]).toEqual([[], [], []]);
  });
});
