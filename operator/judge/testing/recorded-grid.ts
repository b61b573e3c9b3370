import { canonicalSearch, parametersKey } from '../canonical.ts';
import type { Parameters } from '../configuration.ts';
import type { History, RunRecord, SearchRecord } from '../history.ts';
import { judgeRun, judgeSearch } from '../judge-search.ts';
import type { Metric } from '../metrics.ts';
import type { Random } from '../prng.ts';
import { boundary, planSearches } from '../search-plan.ts';
import type { Study } from '../study.ts';

/** One line of a recorded grid: a build with its searches, as `tables/README.md` describes it. */
export interface GridRow {
  m: number;
  ef_construct: number;
  quantization: string;
  searches: { hnsw_ef: number; oversampling: number; recall: number; reps: { cpuUs: number }[] }[];
}

interface Cell {
  search: Parameters;
  recalls: number[];
  /** Answers per second of one core, by repeat. */
  rates: number[];
}

/** A recorded grid to be asked instead of a server. Rows of the same settings are repeats of one build. */
export class RecordedGrid {
  cpu = true;
  readonly #cells = new Map<string, Map<string, Cell>>();

  constructor(rows: readonly GridRow[], limit: number) {
    for (const row of rows) {
      const build: Parameters = {
        'hnsw_config.m': row.m,
        'hnsw_config.ef_construct': row.ef_construct,
        ...(row.quantization === 'none' ? {} : { quantization_config: row.quantization }),
      };
      const cells = this.#cells.get(this.#key(build)) ?? new Map<string, Cell>();
      this.#cells.set(this.#key(build), cells);
      for (const { hnsw_ef, oversampling, recall, reps } of row.searches) {
        const asked: Parameters = {
          'params.hnsw_ef': hnsw_ef,
          ...(oversampling > 1
            ? { 'params.quantization.oversampling': oversampling, 'params.quantization.rescore': true }
            : {}),
        };
        const search = canonicalSearch(asked, build, limit);
        const key = parametersKey(search);
        const cell = cells.get(key) ?? { search, recalls: [], rates: [] };
        cells.set(key, cell);
        cell.recalls.push(recall);
        cell.rates.push(...reps.filter(({ cpuUs }) => cpuUs > 0).map(({ cpuUs }) => 1e6 / cpuUs));
      }
    }
  }

  /** Best mean rate of a build among searches whose mean recall is enough; 0 when there is none. */
  truth(build: Parameters, recallMin: number): number {
    const cells = [...(this.#cells.get(this.#key(build))?.values() ?? [])];
    return Math.max(0, ...cells.filter(({ recalls }) => mean(recalls) >= recallMin).map(({ rates }) => mean(rates)));
  }

  best(recallMin: number): number {
    return Math.max(...[...this.#cells.keys()].map((key) => this.truth(JSON.parse(key) as Parameters, recallMin)));
  }

  /** The history with one more build run: recall of every planned search, rate of those at the boundary. */
  run(study: Study, build: Parameters, random: Random): History {
    const number = study.history.runs.length;
    const id = `run-${number}`;
    const cells = this.#cells.get(this.#key(build));
    const role = number === 0 ? 'Baseline' : 'Trial';
    const measured = planSearches(study, build, role).flatMap(({ search, load }, i) => {
      // The recorded server had no search at Qdrant's default beam: the next wider one stands for it.
      const cell = cells?.get(parametersKey(search)) ?? cells?.get(parametersKey({ ...search, 'params.hnsw_ef': 128 }));
      if (!cell) return [];
      const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T;
      return [{ id: `${id}-${i}`, search, load, recall: pick(cell.recalls), probeRate: pick(cell.rates) }];
    });
    const chosen = new Set(boundary(measured, study.constraints.recall?.min ?? 0, 2));
    const searches = measured.map(({ id: searchId, search, load, recall, probeRate }): SearchRecord => {
      const stage = load === 'Always' || chosen.has(searchId) ? 'Load' : 'Recall';
      const metrics: Metric[] = [
        { name: 'recall', value: recall },
        ...(this.cpu ? [{ name: 'serverCpuPerQuery' as const, value: 1e6 / probeRate }] : []),
      ];
      if (stage === 'Load') metrics.push({ name: 'throughput', value: probeRate });
      const { verdict, reason, message } = judgeSearch({ stage, metrics }, study.constraints);
      const finishedAt = new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString();
      return {
        id: searchId,
        run: id,
        attempt: 1,
        build,
        search,
        repeat: 0,
        stage,
        metrics,
        verdict,
        reason,
        message,
        seconds: 1,
        finishedAt,
      };
    });
    const at = new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString();
    const run: RunRecord = {
      id,
      role,
      build,
      attempt: 1,
      state: 'Finished',
      ...judgeRun(searches),
      metrics: [],
      startedAt: at,
      finishedAt: at,
    };
    return { runs: [...study.history.runs, run], searches: [...study.history.searches, ...searches] };
  }

  #key(build: Parameters): string {
    const efConstruct = build['hnsw_config.ef_construct'] ?? 128;
    return JSON.stringify({
      'hnsw_config.m': build['hnsw_config.m'] ?? 16,
      'hnsw_config.ef_construct': efConstruct,
      quantization_config: build['quantization_config'] ?? 'none',
    });
  }
}

/** A study over the recorded grid's own space. */
export function recordedStudy(recallMin: number, seed: number, strategy: Study['strategy']): Study {
  return {
    space: {
      build: [
        { name: 'hnsw_config.m', values: [8, 16, 32, 48] },
        { name: 'hnsw_config.ef_construct', values: [64, 128, 256] },
        { name: 'quantization_config', values: ['none', 'scalar', 'binary', 'turbo.bits4'] },
      ],
      search: [
        { name: 'params.hnsw_ef', values: [16, 32, 64, 128, 256] },
        { name: 'params.quantization.oversampling', values: [1, 2, 4] },
      ],
      fixed: {},
      notes: [],
    },
    constraints: { recall: { min: recallMin }, latency: [] },
    objectives: [{ metric: 'throughput', goal: 'Maximize' }],
    strategy,
    seed,
    limit: 10,
    dataset: { points: 60_000, dimensions: 384, distance: 'Cosine', queries: 400 },
    history: { runs: [], searches: [] },
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
