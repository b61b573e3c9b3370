import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Job, MeasureJob } from '../../loadgen/protocol.ts';
import { best } from '../judge/recommend.ts';
import { decide } from './decide.ts';
import { plainSurface, SimulatedSweep, type Surface } from './simulated.test-support.ts';
import type { Decision } from './state.ts';

/** Decides and acts until it is over; `dies` says after how many commits an action is cut short (undefined: never). */
function carryOut(sweep: SimulatedSweep, dies: (step: number) => number | undefined = () => undefined, maxSteps = 500) {
  const decisions: Decision[] = [];
  for (let step = 0; step < maxSteps; step += 1) {
    const decision = decide(sweep.observe());
    decisions.push(decision);
    if (decision.action === 'Finish') return { decisions, end: decision };
    sweep.act(decision, dies(step) ?? Infinity);
  }
  throw new Error(`no end after ${maxSteps} steps`);
}

const builds = (decisions: readonly Decision[]) => decisions.filter((decision) => decision.action === 'Build');

describe('decide', () => {
  it('measures the baseline first, then trials, then the finalists, then ends', () => {
    const sweep = new SimulatedSweep({ budget: { builds: 4 } });
    const { decisions, end } = carryOut(sweep);
    const acted = decisions.filter(({ action }) => action !== 'Clean').map(({ action }) => action);
    expect(acted).toEqual(['Build', 'Build', 'Build', 'Build', 'Finals', 'Finish']);
    expect(builds(decisions).map(({ role }) => role)).toEqual(['Baseline', 'Trial', 'Trial', 'Trial']);
    expect(end).toMatchObject({ phase: 'Completed', goalMet: true, reason: 'BudgetSpent' });
  });

  it('keeps only the finalists’ collections, and none it does not know', () => {
    const sweep = new SimulatedSweep({ budget: { builds: 4 } });
    carryOut(sweep);
    const kept = sweep.collections.map(({ run }) => run);
    expect(kept.length).toBeLessThanOrEqual(2);
    expect(kept).toContain(best(sweep.observe().study)?.run);
  });

  it('starts nothing while suspended, and goes on when resumed', () => {
    const sweep = new SimulatedSweep({ suspend: true });
    expect(decide(sweep.observe())).toMatchObject({ action: 'Finish', phase: 'Suspended', goalMet: false });
  });

  describe('a job that an earlier process started', () => {
    /** A sweep whose baseline's job is under way. */
    function underWay() {
      const sweep = new SimulatedSweep({ budget: { builds: 2 } });
      sweep.act(decide(sweep.observe()), 3);
      const [home] = sweep.collections;
      const job = {
        kind: 'Measure',
        run: home?.run,
        attempt: home?.attempt,
        endpoint: { url: 'http://q', collection: home?.collection },
      } as MeasureJob;
      return { sweep, job };
    }

    it('is listened to before anything else, also while suspended', () => {
      const { sweep, job } = underWay();
      sweep.pending = job;
      expect(decide(sweep.observe())).toEqual({ action: 'Attend', job });
      expect(decide({ ...sweep.observe(), settings: { ...sweep.settings, suspend: true } })).toMatchObject({
        action: 'Attend',
      });
    });

    it.each<[string, (job: MeasureJob, sweep: SimulatedSweep) => Job]>([
      ['of a run this history does not know', (job) => ({ ...job, run: 'another' })],
      ['of an attempt that another one has followed', (job) => ({ ...job, attempt: job.attempt + 1 })],
      ['whose collection is gone', (job, sweep) => (sweep.lose(job.endpoint.collection), job)],
      ['that prepares data of an earlier spec', () => ({ kind: 'Prepare' }) as Job],
    ])('is ended when it is one %s', (_, change) => {
      const { sweep, job } = underWay();
      sweep.pending = change(job, sweep);
      expect(decide(sweep.observe())).toMatchObject({ action: 'Discard' });
    });
  });

  it('measures a run anew whose attempt was disrupted, and does not when that happened too often', () => {
    const sweep = new SimulatedSweep({ budget: { builds: 2 } });
    const baseline = decide(sweep.observe()) as Extract<Decision, { action: 'Build' }>;
    sweep.act(baseline);
    const observed = sweep.observe();
    const ended = (verdict: 'Inconclusive' | 'Error') => {
      const runs = observed.study.history.runs.map((run) => ({ ...run, verdict, reason: 'Disrupted' as const }));
      return decide({ ...observed, collections: [], study: { ...observed.study, history: { runs, searches: [] } } });
    };
    expect(ended('Inconclusive')).toMatchObject({ action: 'Build', run: baseline.run, role: 'Baseline' });
    expect(ended('Error')).not.toMatchObject({ run: baseline.run });
  });

  it('starts no build after the time of the budget, and says so', () => {
    const sweep = new SimulatedSweep({ budget: { builds: 10, duration: '2s' } });
    const { decisions, end } = carryOut(sweep);
    expect(builds(decisions).length).toBeLessThan(10);
    expect(end).toMatchObject({ reason: 'BudgetSpent', message: 'budget.duration is spent' });
  });

  it('ends without the goal when nothing can meet the constraints', () => {
    const poor: Surface = (build, search) => ({ ...plainSurface(build, search), recall: 0.5 });
    const { decisions, end } = carryOut(new SimulatedSweep({ budget: { builds: 3 } }, poor));
    expect(end).toMatchObject({ phase: 'Completed', goalMet: false });
    expect(decisions.some(({ action }) => action === 'Finals')).toBe(false);
  });

  it('asks for finals at the rate that was found, and at none where none was', () => {
    const sweep = new SimulatedSweep({ budget: { builds: 2 } });
    for (;;) {
      const decision = decide(sweep.observe());
      if (decision.action === 'Finals') break;
      sweep.act(decision);
    }
    const arms = (): (number | undefined)[] => {
      const decision = decide(sweep.observe());
      if (decision.action !== 'Finals') throw new Error(decision.action);
      return decision.arms.map(({ startRate }) => startRate);
    };
    const found = arms();
    expect(found.length).toBe(2);
    for (const rate of found) expect(rate).toBeGreaterThan(1);
    // The baseline's load came to no number: the load generator was the limit.
    const baseline = sweep.history.runs.find(({ role }) => role === 'Baseline');
    for (const search of sweep.history.searches) {
      if (search.run !== baseline?.id) continue;
      search.metrics = search.metrics.filter(({ name }) => name !== 'throughput');
      search.verdict = 'Inconclusive';
    }
    expect(arms()).toContain(undefined);
  });

  it('makes a lost finalist’s collection again before its finals', () => {
    const sweep = new SimulatedSweep({ budget: { builds: 2 } });
    let lost = false;
    for (;;) {
      const decision = decide(sweep.observe());
      if (decision.action === 'Finish') break;
      if (decision.action === 'Finals' && !lost) {
        lost = true;
        for (const arm of decision.arms) sweep.lose(arm.collection);
        continue;
      }
      if (lost && decision.action === 'Build') expect(decision.purpose).toBe('Restore');
      sweep.act(decision);
    }
    expect(lost).toBe(true);
    expect(sweep.history.searches.filter(({ stage }) => stage === 'Final').length).toBeGreaterThan(0);
  });

  it('ends after any sequence of deaths, with each id once and the same searches as an undisturbed sweep', () => {
    const undisturbed = new SimulatedSweep({ budget: { builds: 4 } });
    carryOut(undisturbed);
    const wanted = undisturbed.history.searches.map(({ id }) => id).toSorted();
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(30), { nil: undefined }), { maxLength: 40 }), (deaths) => {
        const sweep = new SimulatedSweep({ budget: { builds: 4 } });
        carryOut(sweep, (step) => deaths[step]);
        expect(sweep.history.searches.map(({ id }) => id).toSorted()).toEqual(wanted);
        expect(new Set(sweep.history.runs.map(({ id }) => id)).size).toBe(4);
        expect(sweep.collections.length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 25 },
    );
  });

  it('comes to its end through whatever happens, within the largest budget there ever was', () => {
    type Happening = { at: number; what: 'die' | 'lose' | 'disrupt' | 'edit' | 'suspend'; by: number };
    const happening: fc.Arbitrary<Happening> = fc.record({
      at: fc.nat(30),
      what: fc.constantFrom('die', 'lose', 'disrupt', 'edit', 'suspend'),
      by: fc.nat(12),
    });
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 12 }), fc.integer({ min: 1, max: 4 }), (happenings, first) => {
        const sweep = new SimulatedSweep({ budget: { builds: first } });
        let largest = first;
        let suspended = false;
        for (let step = 0; ; step += 1) {
          // Nothing that happens makes it take more steps than this.
          expect(step).toBeLessThan(200);
          const now = happenings.filter(({ at }) => at === step);
          for (const { what, by } of now) {
            const some = sweep.collections[by % Math.max(1, sweep.collections.length)];
            if (what === 'lose' && some) sweep.lose(some.collection);
            if (what === 'disrupt') sweep.disrupt();
            if (what === 'edit') sweep.edit({ budget: { builds: 1 + (by % 5) } });
            if (what === 'suspend') sweep.edit({ suspend: (suspended = !suspended) });
            largest = Math.max(largest, sweep.settings.maxBuilds);
          }
          const observed = sweep.observe();
          const decision = decide(observed);
          if (decision.action === 'Finish' && decision.phase === 'Suspended') {
            expect(suspended).toBe(true);
            sweep.edit({ suspend: (suspended = false) });
            continue;
          }
          if (decision.action === 'Finish' && happenings.every(({ at }) => at <= step)) break;
          if (decision.action === 'Finish') continue;
          sweep.act(decision, now.find(({ what }) => what === 'die')?.by ?? Infinity);
          // What was decided is done, or at least begun: the same is not seen again.
          expect(sweep.observe()).not.toEqual(observed);
        }
        expect(new Set(sweep.begun).size).toBeLessThanOrEqual(largest);
        const ids = sweep.history.searches.map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        const ended = decide(sweep.observe());
        expect(decide(sweep.observe())).toEqual(ended);
      }),
      { numRuns: 60 },
    );
  });

  it('does the same twice without harm: a decision carried out again changes no result', () => {
    const once = new SimulatedSweep({ budget: { builds: 3 } });
    const twice = new SimulatedSweep({ budget: { builds: 3 } });
    carryOut(once);
    for (;;) {
      const decision = decide(twice.observe());
      if (decision.action === 'Finish') break;
      twice.act(decision);
      twice.act(decision);
    }
    const ids = (sweep: SimulatedSweep) => sweep.history.searches.map(({ id }) => id).toSorted();
    expect(ids(twice)).toEqual(ids(once));
  });

  it('is a pure function of what was observed and never exceeds the builds of the budget', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.nat(1000),
        fc.constantFrom('Adaptive', 'Grid', 'Random'),
        (max, seed, strategy) => {
          const sweep = new SimulatedSweep({ budget: { builds: max }, judge: { strategy: strategy as 'Grid', seed } });
          for (;;) {
            const decision = decide(sweep.observe());
            expect(decide(sweep.observe())).toEqual(decision);
            if (decision.action === 'Finish') break;
            sweep.act(decision);
          }
          expect(new Set(sweep.begun).size).toBeLessThanOrEqual(max);
          expect(sweep.begun.length).toBe(new Set(sweep.begun).size);
        },
      ),
      { numRuns: 15 },
    );
  });
});
