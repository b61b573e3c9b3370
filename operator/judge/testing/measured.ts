import type { Parameters } from '../configuration.ts';
import { beamOf, parametersKey } from '../canonical.ts';
import type { History, RunRecord, SearchRecord, SearchStage } from '../history.ts';
import { judgeRun, judgeSearch } from '../judge-search.ts';
import type { Metric } from '../metrics.ts';
import { bitsPerDimension } from '../quantizations.ts';
import { boundary, planSearches } from '../search-plan.ts';
import type { Study } from '../study.ts';

/** A study to start tests from: the default objective and constraint over a small space. */
export function emptyStudy(overrides: Partial<Study> = {}): Study {
  return {
    space: {
      build: [
        { name: 'hnsw_config.m', values: [8, 16, 32, 48] },
        { name: 'hnsw_config.ef_construct', values: [64, 100, 200] },
        { name: 'quantization_config', values: ['none', 'scalar', 'turbo.bits4'] },
      ],
      search: [
        { name: 'params.hnsw_ef', values: [16, 32, 64, 128, 256] },
        { name: 'params.quantization.oversampling', values: [1, 2] },
      ],
      fixed: {},
      notes: [],
    },
    constraints: { recall: { min: 0.95 }, latency: [] },
    objectives: [{ metric: 'throughput', goal: 'Maximize' }],
    strategy: 'Adaptive',
    seed: 1,
    limit: 10,
    dataset: { points: 100_000, dimensions: 256, distance: 'Cosine', queries: 1000 },
    history: { runs: [], searches: [] },
    ...overrides,
  };
}

/** What a made-up server answers: recall and rate of a search on a build. */
export type Surface = (build: Parameters, search: Parameters) => { recall: number; rate: number; extra?: Metric[] };

/** A surface of the usual shape: recall grows with beam, degree and care, falls with coarse quantization unless rescored. */
export function surface(factors: Readonly<Record<string, number>> = {}): Surface {
  return (build, search) => {
    const m = Number(build['hnsw_config.m'] ?? 16);
    const care = Number(build['hnsw_config.ef_construct'] ?? 100);
    const quantization = String(build.quantization_config ?? 'none');
    const beam = beamOf(search);
    const rescored = search['params.quantization.oversampling'] !== undefined;
    const loss = rescored ? 0.002 : quantization === 'none' ? 0 : 0.4 / bitsPerDimension(quantization) ** 1.2;
    const recall = Math.max(
      0,
      1 - 1.2 * Math.exp(-0.42 * Math.sqrt(beam * Math.sqrt(m / 16)) * (care / 100) ** 0.1) - loss,
    );
    const work = (30 + beam * (m / 16) ** 0.4) * (0.45 + bitsPerDimension(quantization) / 58) + (rescored ? 6 : 0);
    return {
      recall: Number(recall.toFixed(4)),
      rate: Number(((2e5 / work) * (factors[quantization] ?? 1)).toFixed(1)),
    };
  };
}

/** The history with one more build measured on a surface, as a sweep measures it. */
export function afterRun(study: Study, build: Parameters, answer: Surface): Study {
  const number = study.history.runs.length;
  const run = `run-${parametersKey(build)}`;
  const role = parametersKey(build) === '[]' ? 'Baseline' : 'Trial';
  const probed = planSearches(study, build, role).map(({ search, load }, i) => {
    const { recall, rate, extra } = answer(build, search);
    return { id: `${run}/${i}`, search, load, recall, probeRate: rate, extra: extra ?? [] };
  });
  const loaded = new Set(boundary(probed, study.constraints.recall?.min ?? 0, 2));
  const searches = probed.map(({ id, search, load, recall, probeRate, extra }) => {
    const stage = load === 'Always' || loaded.has(id) ? 'Load' : 'Recall';
    const rate: Metric[] = stage === 'Load' ? [{ name: 'throughput', value: probeRate }] : [];
    const metrics: Metric[] = [{ name: 'recall', value: recall }, ...rate, ...extra];
    return record(study, { id, run, build, search, stage, metrics });
  });
  const at = new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString();
  const finished: RunRecord = {
    id: run,
    role,
    build,
    attempt: 1,
    state: 'Finished',
    ...judgeRun(searches),
    metrics: [],
    startedAt: at,
    finishedAt: at,
  };
  return withHistory(study, {
    runs: [...study.history.runs, finished],
    searches: [...study.history.searches, ...searches],
  });
}

/** One row, judged. */
export function record(
  study: Pick<Study, 'constraints'>,
  row: { id: string; stage: SearchStage; metrics: Metric[] } & Partial<SearchRecord>,
): SearchRecord {
  const { verdict, reason, message } = judgeSearch({ stage: row.stage, metrics: row.metrics }, study.constraints);
  return {
    run: 'run',
    attempt: 1,
    build: {},
    search: {},
    repeat: 0,
    verdict,
    reason,
    message,
    seconds: 1,
    finishedAt: '2026-01-01T00:00:00.000Z',
    ...row,
  };
}

export function withHistory(study: Study, history: History): Study {
  return { ...study, history };
}

/** The history in another order. */
export function reordered(study: Study, shuffle: <T>(items: readonly T[]) => T[]): Study {
  return withHistory(study, { runs: shuffle(study.history.runs), searches: shuffle(study.history.searches) });
}
