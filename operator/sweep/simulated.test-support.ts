import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import type { History, RunRecord, SearchRecord } from '../judge/history.ts';
import { judgeRun, judgeSearch } from '../judge/judge-search.ts';
import type { Metric } from '../judge/metrics.ts';
import { boundary, planSearches } from '../judge/search-plan.ts';
import { spaceOf } from '../judge/spaces.ts';
import type { Study } from '../judge/study.ts';
import { collectionName, searchId } from './identity.ts';
import { resolveSettings, type SweepSettings } from './settings.ts';
import type { Decision, KnownCollection, Observed } from './state.ts';

/** How a simulated engine answers: recall and highest rate of a build and search. */
export type Surface = (
  build: Readonly<Record<string, unknown>>,
  search: Readonly<Record<string, unknown>>,
) => { recall: number; rate: number };

/** More m, ef_construct and hnsw_ef: better recall, lower rate; quantization is faster and loses a little. */
export const plainSurface: Surface = (build, search) => {
  const m = Number(build['hnsw_config.m'] ?? 16);
  const construct = Number(build['hnsw_config.ef_construct'] ?? 100);
  const ef = Number(search['params.hnsw_ef'] ?? construct);
  const quantized = (build['quantization_config'] ?? 'none') !== 'none';
  const effort = Math.log2(ef) + 0.8 * Math.log2(m) + 0.3 * Math.log2(construct);
  return {
    recall: Math.min(1, 1 - Math.exp(-0.35 * effort) - (quantized ? 0.01 : 0)),
    rate: ((quantized ? 1.4 : 1) * 60_000) / (ef + 4 * m),
  };
};

function resolved(spec: Partial<SweepSpec>): [SweepSettings, Omit<Study, 'history'>] {
  const settings = resolveSettings({
    target: { kubernetes: {} },
    dataset: { synthetic: { points: 50_000, dimensions: 128 } },
    ...spec,
  });
  const { parameters, quantizations, constraints, objectives, strategy, seed, limit } = settings;
  const dataset = { points: 50_000, dimensions: 128, queries: 500, distance: 'Cosine' as const };
  const space = spaceOf(parameters, quantizations, dataset, constraints);
  return [settings, { space, constraints, objectives, strategy, seed, limit, dataset }];
}

/** A sweep whose effects happen in memory: for asking `decide` about every state a real one can come into. */
export class SimulatedSweep {
  settings: SweepSettings;
  readonly key = 'sha256:simulated';
  elapsedSeconds = 0;
  /** A job of an earlier process. */
  pending: Observed['pending'];
  /** Every build begun, in order. */
  readonly begun: string[] = [];
  #runs: RunRecord[] = [];
  #searches: SearchRecord[] = [];
  #collections: KnownCollection[] = [];
  #study: Omit<Study, 'history'>;
  #spec: Partial<SweepSpec>;
  readonly #surface: Surface;
  #clock = 0;

  constructor(spec: Partial<SweepSpec>, surface: Surface = plainSurface) {
    this.#surface = surface;
    this.#spec = spec;
    [this.settings, this.#study] = resolved(spec);
  }

  /** The user changes the spec; what was measured stays. */
  edit(change: Partial<SweepSpec>): void {
    this.#spec = { ...this.#spec, ...change };
    [this.settings, this.#study] = resolved(this.#spec);
  }

  /** The latest attempt at the last run turns out to have been disturbed. */
  disrupt(): void {
    const last = this.#runs.at(-1);
    if (!last || last.state !== 'Finished') return;
    this.#runs = [...this.#runs.slice(0, -1), { ...last, verdict: 'Inconclusive', reason: 'Disrupted' }];
  }

  get history(): History {
    return { runs: this.#runs, searches: this.#searches };
  }

  get collections(): readonly KnownCollection[] {
    return this.#collections;
  }

  observe(): Observed {
    const { settings, key, elapsedSeconds } = this;
    return {
      settings,
      key,
      study: { ...this.#study, history: this.history },
      collections: [...this.#collections],
      pending: this.pending,
      elapsedSeconds,
    };
  }

  /** Carries out a decision; with `dieAfter`, only so many of its searches are committed and the run stays unfinished. */
  act(decision: Decision, dieAfter = Infinity): void {
    this.elapsedSeconds += 1;
    if (decision.action === 'Clean') {
      const gone = new Set(decision.collections.slice(0, dieAfter).map((item) => item.collection));
      this.#collections = this.#collections.filter((item) => !gone.has(item.collection));
    } else if (decision.action === 'Build') {
      this.#build(decision, dieAfter);
    } else if (decision.action === 'Finals') {
      for (const arm of decision.arms) {
        for (const [index, id] of arm.ids.slice(0, dieAfter).entries()) {
          this.#commit({ id, run: arm.run, build: arm.build, search: arm.search, repeat: index + 1, stage: 'Final' });
        }
      }
    }
  }

  /** The target forgets a collection, as when somebody deletes it by hand. */
  lose(collection: string): void {
    this.#collections = this.#collections.map((item) =>
      item.collection === collection ? { ...item, exists: false } : item,
    );
  }

  #build(decision: Extract<Decision, { action: 'Build' }>, dieAfter: number): void {
    this.begun.push(decision.run);
    const before = this.#runs.find((run) => run.id === decision.run);
    const attempt = (before?.attempt ?? 0) + 1;
    const startedAt = new Date((this.#clock += 1000)).toISOString();
    const run: RunRecord = {
      id: decision.run,
      role: decision.role,
      build: decision.build,
      attempt,
      state: 'Running',
      metrics: [],
      startedAt,
    };
    this.#runs = [...this.#runs.filter((item) => item.id !== run.id), run];
    this.#collections.push({
      run: run.id,
      attempt,
      collection: collectionName(this.key, run.id, attempt),
      exists: true,
    });
    if (decision.purpose === 'Measure') {
      const role = decision.role === 'Baseline' ? 'Baseline' : 'Trial';
      const planned = planSearches({ ...this.#study }, decision.build, role).map(({ search, load }) => {
        const { recall, rate } = this.#surface(decision.build, search);
        return { id: searchId(this.key, decision.build, search, 0), search, load, recall, probeRate: rate };
      });
      const loaded = new Set(boundary(planned, this.settings.constraints.recall?.min ?? 0, 2));
      const steps = [
        ...planned.map((item) => ({ item, stage: 'Recall' as const })),
        ...planned
          .filter((item) => item.load === 'Always' || loaded.has(item.id))
          .map((item) => ({ item, stage: 'Load' as const })),
      ];
      for (const { item, stage } of steps.slice(0, dieAfter)) {
        this.#commit({ id: item.id, run: run.id, build: decision.build, search: item.search, repeat: 0, stage });
      }
      if (dieAfter < steps.length) return;
    } else if (dieAfter < 1) {
      return;
    }
    const mine = this.#searches.filter((search) => search.run === run.id);
    this.#runs = this.#runs.map((item) =>
      item.id === run.id ? { ...item, state: 'Finished', ...judgeRun(mine), finishedAt: startedAt } : item,
    );
  }

  #commit(what: Pick<SearchRecord, 'id' | 'run' | 'build' | 'search' | 'repeat' | 'stage'>): void {
    if (
      this.#searches.some((search) => search.id === what.id && (search.stage !== 'Recall' || what.stage === 'Recall'))
    )
      return;
    const { recall, rate } = this.#surface(what.build, what.search);
    const metrics: Metric[] = [{ name: 'recall', value: recall }];
    const again = 1 + what.repeat / 1000;
    const { load } = this.settings;
    if (what.stage !== 'Recall') {
      // A given load is achieved by all alike; what differs is how long an answer takes.
      const given = load.kind === 'Open' ? load.rate : rate * again;
      const source = load.kind === 'Saturation' ? {} : { source: load.kind === 'Open' ? 'open loop' : 'closed loop' };
      metrics.push({ name: 'throughput', value: given, unit: '1/s', ...source }, { name: 'errorRate', value: 0 });
      if (load.kind !== 'Saturation')
        metrics.push({ name: 'latencyP95', value: 1000 / (rate * again), unit: 'ms', ...source });
    }
    const { verdict, reason, message } = judgeSearch({ stage: what.stage, metrics }, this.settings.constraints);
    const record: SearchRecord = {
      ...what,
      attempt: 1,
      metrics,
      verdict,
      reason,
      message,
      seconds: 1,
      finishedAt: new Date((this.#clock += 1000)).toISOString(),
    };
    this.#searches = [...this.#searches.filter((search) => search.id !== what.id), record];
  }
}
