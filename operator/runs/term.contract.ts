import { describe, expect, it } from 'vitest';
import type { StoreError, Term, TermedRunStore } from './run-store.ts';
import { newAttempt, newExperiment, newSearch, NOW } from './testing/records.ts';

let counter = 0;

/** What every store must do under the terms of its leaders. */
export function describesTerms(name: string, open: () => Promise<TermedRunStore>): void {
  describe(`terms in ${name}`, () => {
    const newScope = (): string => `ns/lease-${process.pid}-${(counter += 1)}`;
    const term = (scope: string, number: number, holder = `pod-${number}`): Term => ({ scope, term: number, holder });

    it('begin with none, and the latest is known', async () => {
      const store = await open();
      const scope = newScope();
      expect(await store.latestTerm(scope)).toBe(-1);
      await store.under(term(scope, 0));
      expect(await store.latestTerm(scope)).toBe(0);
      await store.under(term(scope, 7));
      expect(await store.latestTerm(scope)).toBe(7);
      expect(await store.latestTerm(newScope())).toBe(-1);
    });

    it('let their leader write, and nobody of an earlier one, whatever it writes', async () => {
      const store = await open();
      const scope = newScope();
      const fenced: StoreError[] = [];
      const old = await store.under(term(scope, 1), (error) => fenced.push(error));
      const experiment = newExperiment(`sha256:${scope}`);
      const { id } = await old.ensureExperiment(experiment, NOW);
      const attempt = await old.beginAttempt(id, newAttempt('a'));
      const next = await store.under(term(scope, 2));
      const end = { verdict: 'Passed', reason: 'ConstraintsMet', message: '', finishedAt: NOW } as const;
      const writes: Record<string, () => Promise<unknown>> = {
        ensureExperiment: () => old.ensureExperiment({ ...experiment, spec: { changed: true } }, NOW),
        saveStatus: () => old.saveStatus(id, { phase: 'Old' }, NOW),
        beginAttempt: () => old.beginAttempt(id, newAttempt('a')),
        recordBuilt: () => old.recordBuilt(id, attempt, [], {}),
        recordSurroundings: () => old.recordSurroundings(id, attempt, {}),
        finishRun: () => old.finishRun(id, attempt, end),
        collectionDeleted: () => old.collectionDeleted(id, attempt),
        commitSearch: () => old.commitSearch(id, newSearch('late')),
        appendSeries: () => old.appendSeries(id, [{ search: 's', repeat: 0, second: 0, values: {} }]),
        forgetDetails: () => old.forgetDetails(id),
        recordProposals: () => old.recordProposals(id, 1, [], NOW),
      };
      for (const [method, write] of Object.entries(writes)) {
        await expect(write(), method).rejects.toMatchObject({ name: 'StoreError', reason: 'Fenced' });
      }
      expect(fenced.map(({ message }) => message)).toEqual([
        `term 1 of ${scope} is over: pod-2 leads in term 2; nothing was written`,
      ]);
      // Reads are nobody's privilege.
      expect((await old.history(id)).searches).toEqual([]);
      expect(await next.undeletedCollections(id)).toEqual([attempt]);
      expect(
        (await next.findExperiments(experiment.namespace, experiment.name)).find((one) => one.id === id),
      ).toMatchObject({ status: null, spec: experiment.spec });
      expect(await next.commitSearch(id, newSearch('s'))).toBe(true);
      await next.finishRun(id, attempt, end);
      expect((await next.runs(id))[0]).toMatchObject({ verdict: 'Passed' });
    });

    it('are refused when a newer one was there, or the same one of another process', async () => {
      const store = await open();
      const scope = newScope();
      await store.under(term(scope, 5));
      await expect(store.under(term(scope, 4))).rejects.toMatchObject({ reason: 'Fenced' });
      await expect(store.under(term(scope, 5, 'a stranger'))).rejects.toMatchObject({ reason: 'Fenced' });
      // The same process, which did not hear that it had been registered.
      await (await store.under(term(scope, 5))).ensureExperiment(newExperiment(`sha256:again-${scope}`), NOW);
      expect(await store.latestTerm(scope)).toBe(5);
    });

    it('are each scope’s own, and none of a store without a term', async () => {
      const store = await open();
      const [one, other] = [newScope(), newScope()];
      const led = await store.under(term(one, 1));
      await store.under(term(other, 9));
      const { id } = await led.ensureExperiment(newExperiment(`sha256:${one}`), NOW);
      await store.under(term(one, 2));
      expect(await store.commitSearch(id, newSearch('s'))).toBe(true);
      // Closing what belongs to a term leaves the store open.
      await led.close();
      expect((await store.history(id)).searches).toHaveLength(1);
    });

    it('end for good: after a new one has begun, nothing of the last is committed any more', async () => {
      const store = await open();
      const scope = newScope();
      const old = await store.under(term(scope, 1));
      const { id } = await old.ensureExperiment(newExperiment(`sha256:${scope}`), NOW);
      const results: Promise<boolean | 'fenced'>[] = [];
      const taken = { over: false };
      const taking = (async () => {
        for (let round = 0; round < 5; round += 1) await store.latestTerm(scope);
        await store.under(term(scope, 2));
        taken.over = true;
        return (await store.history(id)).searches.length;
      })();
      for (let number = 0; !taken.over && number < 5000; number += 1) {
        results.push(old.commitSearch(id, newSearch(`s${number}`)).catch(() => 'fenced' as const));
        await results.at(-2);
      }
      const atTaking = await taking;
      const outcomes = await Promise.all(results);
      expect(outcomes).toContain('fenced');
      expect(outcomes.filter((outcome) => outcome === true)).toHaveLength(atTaking);
      expect((await store.history(id)).searches).toHaveLength(atTaking);
    });
  });
}
