import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SearchRecord } from '../judge/history.ts';
import type { Metric } from '../judge/metrics.ts';
import type { Proposal } from '../judge/study.ts';
import { REASONS } from '../judge/verdict.ts';
import type { NewExperiment, TermedRunStore } from './run-store.ts';
import { newAttempt, newExperiment, newSearch, NOW } from './testing/records.ts';

const LATER = '2026-11-21T11:00:00.000Z';

let counter = 0;

/** An experiment nobody else has, so that tests may share a store. */
function someExperiment(change: Partial<NewExperiment> = {}): NewExperiment {
  counter += 1;
  return newExperiment(`sha256:${String(process.pid)}-${String(counter)}`, change);
}

/** What every store must do, whatever it is made of. */
export function describesARunStore(name: string, open: () => Promise<TermedRunStore>): void {
  describe(`a run store in ${name}`, () => {
    /** The store and the id of a fresh experiment in it. */
    async function prepared(change: Partial<NewExperiment> = {}) {
      const store = await open();
      const { id } = await store.ensureExperiment(someExperiment(change), NOW);
      return { store, id };
    }

    describe('experiments', () => {
      it('are made once, with everything given', async () => {
        const store = await open();
        const experiment = someExperiment();
        const made = await store.ensureExperiment(experiment, NOW);
        expect(made).toEqual({ ...experiment, id: made.id, status: null, createdAt: NOW, updatedAt: NOW });
        expect(await store.ensureExperiment(experiment, NOW)).toEqual(made);
      });

      it('take a new spec and target and keep id, age and status', async () => {
        const store = await open();
        const experiment = someExperiment();
        const made = await store.ensureExperiment(experiment, NOW);
        await store.saveStatus(made.id, { phase: 'Running' }, NOW);
        const changed = { ...experiment, spec: { seed: 2 }, target: { kind: 'Local', description: 'an engine' } };
        expect(await store.ensureExperiment(changed, LATER)).toEqual({
          ...changed,
          id: made.id,
          status: { phase: 'Running' },
          createdAt: NOW,
          updatedAt: LATER,
        });
      });

      it('are one when several ask at once', async () => {
        const store = await open();
        const experiment = someExperiment();
        const made = await Promise.all(Array.from({ length: 8 }, () => store.ensureExperiment(experiment, NOW)));
        expect(new Set(made.map((one) => one.id)).size).toBe(1);
      });

      it('are listed newest first, by namespace when given', async () => {
        const store = await open();
        const namespace = `ns-${String(process.pid)}-${name.length}-${String((counter += 1))}`;
        for (const [index, day] of ['01', '03', '02'].entries()) {
          const at = `2030-01-${day}T00:00:00.000Z`;
          await store.ensureExperiment(someExperiment({ namespace, name: `n${String(index)}` }), at);
        }
        expect((await store.listExperiments(namespace)).map((one) => one.name)).toEqual(['n1', 'n2', 'n0']);
        expect((await store.listExperiments()).slice(0, 3).map((one) => one.name)).toEqual(['n1', 'n2', 'n0']);
        expect(await store.listExperiments('nobody')).toEqual([]);
      });

      it('are found by name with all their history keys, newest first', async () => {
        const store = await open();
        const changed = { namespace: 'other', name: `found-${String((counter += 1))}` };
        const older = await store.ensureExperiment(someExperiment(changed), NOW);
        const newer = await store.ensureExperiment(someExperiment(changed), LATER);
        await store.ensureExperiment(someExperiment({ name: changed.name }), LATER);
        expect((await store.findExperiments('other', changed.name)).map((one) => one.id)).toEqual([newer.id, older.id]);
      });

      it('keep no credentials of the target', async () => {
        const target = { kind: 'Url', url: 'https://user:s3cret@qdrant.example:6333/x@y', description: 'd' };
        const { store, id } = await prepared({ target });
        const found = (await store.listExperiments()).find((one) => one.id === id);
        expect(found?.target.url).toBe('https://qdrant.example:6333/x@y');
      });

      it('keep the last status', async () => {
        const { store, id } = await prepared({ namespace: 'status' });
        await store.saveStatus(id, { phase: 'Running', best: null }, NOW);
        await store.saveStatus(id, { phase: 'GoalMet', counts: [1, 2] }, LATER);
        await store.saveStatus(id, { phase: 'GoalMet', counts: [1, 2] }, LATER);
        const found = (await store.listExperiments('status')).find((one) => one.id === id);
        expect(found?.status).toEqual({ phase: 'GoalMet', counts: [1, 2] });
        expect(found?.updatedAt).toBe(LATER);
      });
    });

    describe('attempts', () => {
      it('are numbered from 1 by run, distinctly when begun at once', async () => {
        const { store, id } = await prepared();
        const begun = await Promise.all(Array.from({ length: 6 }, () => store.beginAttempt(id, newAttempt('a'))));
        expect(begun.map((one) => one.attempt).toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
        for (const one of begun) expect(one.collection).toBe(`bench-a-${String(one.attempt)}`);
        expect((await store.beginAttempt(id, newAttempt('b'))).attempt).toBe(1);
      });

      it('become one run record: the latest, its metrics, then its end', async () => {
        const { store, id } = await prepared();
        await store.beginAttempt(id, newAttempt('a', { role: 'Baseline', build: {} }));
        const attempt = await store.beginAttempt(
          id,
          newAttempt('a', { role: 'Baseline', build: {}, startedAt: LATER }),
        );
        const begun = { id: 'a', role: 'Baseline', build: {}, attempt: 2, startedAt: LATER };
        expect(await store.runs(id)).toEqual([{ ...begun, state: 'Running', metrics: [] }]);

        const metrics: Metric[] = [{ name: 'disk', value: 1234567, unit: 'bytes', source: 'process' }];
        await store.recordSurroundings(id, attempt, { pressure: ['too early'] });
        await store.recordBuilt(id, attempt, metrics, { hnsw_config: { m: 16 } });
        await store.recordBuilt(id, attempt, metrics, { hnsw_config: { m: 16 } });
        await store.recordSurroundings(id, attempt, { pressure: [] });
        await store.recordSurroundings(id, attempt, { pressure: ['node: MemoryPressure'] });
        expect(await store.runs(id)).toEqual([{ ...begun, state: 'Running', metrics }]);

        const end = { verdict: 'Passed', reason: 'ConstraintsMet', message: 'fine', finishedAt: LATER } as const;
        await store.finishRun(id, attempt, end);
        await store.finishRun(id, attempt, { ...end, verdict: 'Error', reason: 'BuildFailed', message: 'late' });
        expect(await store.runs(id)).toEqual([{ ...begun, state: 'Finished', metrics, ...end }]);
        expect(await store.history(id)).toEqual({ runs: await store.runs(id), searches: [] });
      });

      it('list runs in the order of their first start', async () => {
        const { store, id } = await prepared();
        await store.beginAttempt(id, newAttempt('z', { startedAt: NOW }));
        await store.beginAttempt(id, newAttempt('a', { startedAt: LATER }));
        await store.beginAttempt(id, newAttempt('m', { startedAt: NOW }));
        await store.beginAttempt(id, newAttempt('z', { startedAt: '2026-11-21T12:00:00.000Z' }));
        expect((await store.runs(id)).map((run) => [run.id, run.attempt])).toEqual([
          ['m', 1],
          ['z', 2],
          ['a', 1],
        ]);
      });

      it('hold a collection until it is said to be gone', async () => {
        const { store, id } = await prepared();
        const first = await store.beginAttempt(id, newAttempt('a'));
        const second = await store.beginAttempt(id, newAttempt('a'));
        expect(await store.undeletedCollections(id)).toEqual([first, second]);
        await store.collectionDeleted(id, first);
        await store.collectionDeleted(id, first);
        await store.collectionDeleted(id, { ...first, run: 'never begun' });
        expect(await store.undeletedCollections(id)).toEqual([second]);
      });
    });

    describe('searches', () => {
      it('are committed once', async () => {
        const { store, id } = await prepared();
        expect(await store.commitSearch(id, newSearch('s'))).toBe(true);
        expect(await store.commitSearch(id, newSearch('s'))).toBe(false);
        expect(await store.commitSearch(id, newSearch('s', 'Load', { message: 'measured again' }))).toBe(false);
        expect((await store.history(id)).searches).toEqual([newSearch('s')]);
      });

      it('are one when the same arrives several times at once', async () => {
        const { store, id } = await prepared();
        const answers = await Promise.all(Array.from({ length: 6 }, () => store.commitSearch(id, newSearch('s'))));
        expect(answers.filter(Boolean)).toHaveLength(1);
      });

      it.each([
        ['Recall', 'Load', true],
        ['Recall', 'Final', true],
        ['Recall', 'Recall', false],
        ['Load', 'Recall', false],
        ['Load', 'Final', false],
        ['Final', 'Load', false],
        ['Final', 'Recall', false],
      ] as const)('%s, then %s: replaced %s', async (earlier, later, replaced) => {
        const { store, id } = await prepared();
        await store.commitSearch(id, newSearch('s', earlier));
        expect(await store.commitSearch(id, newSearch('s', later))).toBe(replaced);
        expect((await store.history(id)).searches).toEqual([newSearch('s', replaced ? later : earlier)]);
      });

      it('come in the order they were finished', async () => {
        const { store, id } = await prepared();
        await store.commitSearch(id, newSearch('b', 'Load', { finishedAt: LATER }));
        await store.commitSearch(id, newSearch('c'));
        await store.commitSearch(id, newSearch('B'));
        expect((await store.history(id)).searches.map((search) => search.id)).toEqual(['B', 'c', 'b']);
      });

      it('of one experiment are not seen in another', async () => {
        const { store, id } = await prepared();
        const other = await store.ensureExperiment(someExperiment(), NOW);
        await store.commitSearch(id, newSearch('s'));
        expect(await store.commitSearch(other.id, newSearch('s', 'Recall'))).toBe(true);
        expect((await store.history(id)).searches).toHaveLength(1);
      });
    });

    describe('series and proposals', () => {
      it('keeps a second once, in order, and no endless ones', async () => {
        const { store, id } = await prepared();
        const points = [3, 1, 2].map((second) => ({
          search: 's',
          repeat: 0,
          second,
          values: { rate: 100.5 * second },
        }));
        await store.appendSeries(id, points);
        await store.appendSeries(id, [
          ...points.map((point) => ({ ...point, values: { rate: -1 } })),
          { search: 's', repeat: 0, second: 3_600, values: {} },
          { search: 's', repeat: 100, second: 1, values: {} },
          { search: 's', repeat: 0, second: 1.5, values: {} },
          { search: 's', repeat: 1, second: 1, values: { rate: Number.NaN, errors: 0 } },
        ]);
        expect(await store.series(id, 's')).toEqual([
          ...points.toSorted((a, b) => a.second - b.second),
          { search: 's', repeat: 1, second: 1, values: { errors: 0 } },
        ]);
        await store.appendSeries(id, []);
      });

      it('forgets the details of one experiment, and nothing that was found', async () => {
        const { store, id } = await prepared();
        const other = await store.ensureExperiment(someExperiment(), NOW);
        const point = { search: 's', repeat: 0, second: 1, values: { rate: 1 } };
        await store.commitSearch(id, newSearch('s'));
        for (const experiment of [id, other.id]) await store.appendSeries(experiment, [point]);
        await store.forgetDetails(id);
        await store.forgetDetails(id);
        expect(await store.series(id, 's')).toEqual([]);
        expect(await store.series(other.id, 's')).toEqual([point]);
        expect((await store.history(id)).searches).toHaveLength(1);
      });

      it('takes many points at once', async () => {
        const { store, id } = await prepared();
        await store.appendSeries(
          id,
          Array.from({ length: 1_201 }, (_, second) => ({ search: 's', repeat: 0, second, values: { rate: second } })),
        );
        expect(await store.series(id, 's')).toHaveLength(1_201);
      });

      it('keeps the last set of proposals after so many runs', async () => {
        const { store, id } = await prepared();
        const proposal: Proposal = {
          configuration: { build: { 'hnsw_config.m': 32 }, search: {} },
          source: 'Rule',
          change: 'Recreate',
          expected: [{ name: 'recall', value: 0.99 }],
          rationale: 'more links',
        };
        await store.recordProposals(id, 3, [proposal, proposal], NOW);
        await store.recordProposals(id, 0, [], NOW);
        await store.recordProposals(id, 3, [proposal], LATER);
        expect(await store.proposals(id)).toEqual([
          { afterRuns: 0, proposedAt: NOW, proposals: [] },
          { afterRuns: 3, proposedAt: LATER, proposals: [proposal] },
        ]);
      });
    });

    describe('what is not fit to be kept', () => {
      it('is refused by name, before anything is written', async () => {
        const { store, id } = await prepared();
        const refused = (work: Promise<unknown>, message: RegExp) =>
          expect(work).rejects.toMatchObject({
            name: 'RecordError',
            message: expect.stringMatching(message) as string,
          });
        await refused(store.commitSearch(id, newSearch('s', 'Load', { seconds: Number.NaN })), /search\.seconds: NaN/);
        await refused(
          store.commitSearch(id, newSearch('s', 'Load', { search: { x: 'y'.repeat(300_000) } })),
          /search: \d+ bytes/,
        );
        await refused(store.commitSearch(id, newSearch('s', 'Load', { finishedAt: 'today' })), /finishedAt: "today"/);
        await refused(store.commitSearch(id, newSearch('')), /search\.id: 0 characters/);
        await refused(store.commitSearch(id, newSearch('s', 'Load', { attempt: 0 })), /search\.attempt: 0/);
        await refused(store.saveStatus(id, { best: Infinity }, NOW), /status\.best: Infinity/);
        await refused(store.ensureExperiment(someExperiment({ name: 'a\0b' }), NOW), /name: holds U\+0000/);
        expect((await store.history(id)).searches).toEqual([]);
      });

      it('are metrics that are not finite: they are left out', async () => {
        const { store, id } = await prepared();
        const metrics: Metric[] = [
          { name: 'throughput', value: Number.NaN },
          { name: 'recall', value: 0.5, low: -Infinity, high: 0.6 },
        ];
        await store.commitSearch(id, newSearch('s', 'Load', { metrics }));
        expect((await store.history(id)).searches[0]?.metrics).toEqual([{ name: 'recall', value: 0.5, high: 0.6 }]);
      });

      it('are characters Postgres cannot hold: they are replaced', async () => {
        const { store, id } = await prepared();
        await store.commitSearch(id, newSearch('s', 'Load', { message: `a\0b\uD800c${'x'.repeat(10_000)}` }));
        const message = (await store.history(id)).searches[0]?.message ?? '';
        expect(message.slice(0, 5)).toBe('a\uFFFDb\uFFFDc');
        expect(message).toHaveLength(8_192);
      });

      it('is whatever belongs to an experiment or attempt that is not there', async () => {
        const { store, id } = await prepared();
        const missing = { name: 'RecordError', message: expect.stringContaining('the store has no') as string };
        const attempt = { run: 'r', attempt: 1, collection: 'c' };
        const end = { verdict: 'Error', reason: 'BuildFailed', message: '', finishedAt: NOW } as const;
        await expect(store.beginAttempt('exp-none', newAttempt('a'))).rejects.toMatchObject(missing);
        await expect(store.commitSearch('exp-none', newSearch('s'))).rejects.toMatchObject(missing);
        await expect(store.saveStatus('exp-none', {}, NOW)).rejects.toMatchObject(missing);
        await expect(store.recordProposals('exp-none', 0, [], NOW)).rejects.toMatchObject(missing);
        const point = { search: 's', repeat: 0, second: 0, values: {} };
        await expect(store.appendSeries('exp-none', [point])).rejects.toMatchObject(missing);
        await expect(store.recordBuilt(id, attempt, [], null)).rejects.toMatchObject(missing);
        await expect(store.recordSurroundings(id, attempt, {})).rejects.toMatchObject(missing);
        await expect(store.finishRun(id, attempt, end)).rejects.toMatchObject(missing);
        expect(await store.history('exp-none')).toEqual({ runs: [], searches: [] });
      });
    });

    describe('for arbitrary records', () => {
      it('gives back what it was given', async () => {
        const store = await open();
        await fc.assert(
          fc.asyncProperty(searchArbitrary, fc.jsonValue({ maxDepth: 4 }), async (search, status) => {
            const { id } = await store.ensureExperiment(someExperiment({ namespace: 'property' }), NOW);
            expect(await store.commitSearch(id, search)).toBe(true);
            await store.saveStatus(id, status, NOW);
            expect((await store.history(id)).searches).toEqual([kept(search)]);
            const found = (await store.listExperiments('property')).find((one) => one.id === id);
            expect(found?.status).toEqual(kept(status));
          }),
          { numRuns: 30 },
        );
      });

      it('gives the same history for any order and repetition of the same commits', async () => {
        const store = await open();
        const deliveries = fc.array(
          fc.record({ id: fc.constantFrom('s1', 's2', 's3', 's4'), stage: fc.constantFrom('Recall', 'Load') }),
          { maxLength: 12 },
        );
        const shuffled = deliveries.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
        );
        await fc.assert(
          fc.asyncProperty(shuffled, async ([once, twiceInAnyOrder]) => {
            const histories = [];
            for (const commits of [once, twiceInAnyOrder]) {
              const { id } = await store.ensureExperiment(someExperiment({ namespace: 'property' }), NOW);
              for (const { id: search, stage } of commits) await store.commitSearch(id, newSearch(search, stage));
              histories.push(await store.history(id));
            }
            expect(histories[1]).toEqual(histories[0]);
            expect(histories[0]?.searches.map((search) => search.id)).toEqual(
              [...new Set(once.map((search) => search.id))].toSorted(),
            );
          }),
          { numRuns: 20 },
        );
      });
    });
  });
}

/** What JSON and Postgres make of a value: -0 is 0, U+0000 and half surrogates become U+FFFD. */
function kept<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, item: unknown) =>
    typeof item === 'string' ? clean(item) : isObject(item) ? renamed(item) : item,
  ) as T;
}

function renamed(item: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([key, value]) => [clean(key), value]));
}

function isObject(item: unknown): item is Record<string, unknown> {
  return typeof item === 'object' && item !== null && !Array.isArray(item);
}

function clean(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const parameters = fc.dictionary(
  fc.stringMatching(/^[a-z_.]{1,20}$/),
  fc.oneof(finite, fc.string({ unit: 'binary', maxLength: 20 }), fc.boolean()),
  { maxKeys: 5 },
);
const searchArbitrary: fc.Arbitrary<SearchRecord> = fc.record({
  id: fc.stringMatching(/^[a-f0-9]{1,64}$/),
  run: fc.stringMatching(/^[a-f0-9]{1,64}$/),
  attempt: fc.integer({ min: 1, max: 1_000 }),
  build: parameters,
  search: parameters,
  repeat: fc.nat(10),
  stage: fc.constantFrom('Recall', 'Load', 'Final'),
  metrics: fc.array(
    fc.record(
      {
        name: fc.constantFrom('recall', 'throughput', 'latencyP95', 'memory'),
        value: finite,
        low: finite,
        high: finite,
        unit: fc.string({ maxLength: 5 }),
        source: fc.string({ maxLength: 5 }),
      },
      { requiredKeys: ['name', 'value'] },
    ),
    { maxLength: 5 },
  ),
  verdict: fc.constantFrom('Passed', 'Failed', 'Inconclusive', 'Error'),
  reason: fc.constantFrom(...REASONS),
  message: fc.string({ unit: 'binary', maxLength: 200 }),
  seconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
  finishedAt: fc
    .date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    .map((date) => date.toISOString()),
});
