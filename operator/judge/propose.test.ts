import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, configurationKey, parametersKey } from './canonical.ts';
import type { Parameters } from './configuration.ts';
import { showNumber } from './format.ts';
import type { RunRecord } from './history.ts';
import { seededRandom, shuffled } from './prng.ts';
import { MAX_PROPOSALS, nextStep, propose, STOP_BUILDS } from './propose.ts';
import { startBuilds } from './start-builds.ts';
import type { Proposal, Study } from './study.ts';
import { afterRun, emptyStudy, record, reordered, surface, withHistory, type Surface } from './testing/measured.ts';

/** A sweep of some builds on a surface. */
function sweep(study: Study, builds: number, answer: Surface): Study {
  let after = study;
  for (let i = 0; i < builds; i += 1) {
    const next = nextBuild(after);
    if (!next) break;
    after = afterRun(after, next.build, answer);
  }
  return after;
}

/** A deterministic wobble of the surface, by seed: a few percent of noise that differs by configuration. */
function noisy(answer: Surface, seed: number): Surface {
  return (build, search) => {
    const { recall, rate } = answer(build, search);
    const hash = Array.from(configurationKey({ build, search })).reduce(
      (sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) | 0,
      seed,
    );
    const random = seededRandom(hash, seed);
    return {
      recall: Math.min(1, Number((recall + 0.004 * (random() - 0.5)).toFixed(4))),
      rate: Number((rate * (0.95 + 0.1 * random())).toFixed(1)),
    };
  };
}

const build = ({ configuration }: Proposal) => configuration.build;
const four = sweep(emptyStudy(), 4, surface());

/** The build to run next; undefined when the sweep should end. */
function nextBuild(study: Study) {
  const step = nextStep(study);
  return 'stop' in step ? undefined : step;
}

describe('propose', () => {
  it('starts with the same builds whatever is measured', () => {
    const expected = startBuilds(four.space, four.dataset, four.seed).map((start) => start.build);
    expect(four.history.runs.map((run) => run.build)).toEqual(expected);
    const inverted = sweep(emptyStudy(), 4, surface({ none: 9, scalar: 0.1 }));
    expect(inverted.history.runs.map((run) => run.build)).toEqual(expected);
  });

  it('draws from a space that is too large to list, each build once', () => {
    const many = Array.from({ length: 32 }, (_, i) => i + 4);
    const values = { m: many, ef: many.map((value) => value * 8) };
    const space = {
      ...emptyStudy().space,
      build: [
        { name: 'hnsw_config.m', values: values.m },
        { name: 'hnsw_config.ef_construct', values: values.ef },
        { name: 'quantization_config', values: ['none', 'scalar', 'binary'] },
      ],
    };
    const proposals = propose({ ...emptyStudy({ strategy: 'Random' }), space });
    expect(proposals).toHaveLength(MAX_PROPOSALS);
    expect(new Set(proposals.map((proposal) => parametersKey(build(proposal)))).size).toBe(MAX_PROPOSALS);
    expect(propose({ ...emptyStudy({ strategy: 'Random' }), space })).toEqual(proposals);
  });

  it('has the model choose as soon as as many builds were run, whichever, but never without the baseline', () => {
    const grid = sweep(emptyStudy({ strategy: 'Grid' }), 4, surface());
    expect(propose({ ...grid, strategy: 'Adaptive' })[0]).toMatchObject({ source: 'Model' });
    const withoutBaseline = withHistory(grid, {
      runs: grid.history.runs.filter(({ role }) => role !== 'Baseline'),
      searches: grid.history.searches.filter((row) => parametersKey(row.build) !== '[]'),
    });
    const more = afterRun(withoutBaseline, { 'hnsw_config.m': 48 }, surface());
    expect(
      propose({ ...more, strategy: 'Adaptive' })
        .map(({ source }) => source)
        .slice(0, 2),
    ).toEqual(['Start', 'Model']);
    expect(nextBuild({ ...more, strategy: 'Adaptive' })?.build).toEqual({});
  });

  it('expects nothing before anything was measured, and something as soon as it was', () => {
    const first = propose(emptyStudy());
    expect(first).toHaveLength(MAX_PROPOSALS);
    expect(
      first.every(
        ({ expected, probabilityFeasible, source }) =>
          expected.length === 0 && probabilityFeasible === undefined && source === 'Start',
      ),
    ).toBe(true);
    const second = propose(sweep(emptyStudy(), 1, surface()))[0];
    expect(second).toMatchObject({ source: 'Start', change: 'Recreate', probabilityFeasible: expect.any(Number) });
    expect(second?.expected.map(({ name }) => name)).toEqual(['throughput', 'recall']);
  });

  it('gives whole canonical configurations of the space that were not run, best first', () => {
    const proposals = propose(four);
    expect(proposals.length).toBeGreaterThan(3);
    const ran = new Set(four.history.searches.map(configurationKey));
    const runs = new Set(four.history.runs.map((run) => parametersKey(run.build)));
    for (const { configuration, change, expected, probabilityFeasible, rationale } of proposals) {
      expect(canonical(configuration, { limit: four.limit, facts: four.dataset })).toEqual(configuration);
      expect(ran.has(configurationKey(configuration))).toBe(false);
      expect(runs.has(parametersKey(configuration.build))).toBe(change === 'SearchOnly');
      expect(expected.every(({ value }) => Number.isFinite(value) && value >= 0)).toBe(true);
      expect(probabilityFeasible).toBeGreaterThanOrEqual(0);
      expect(probabilityFeasible).toBeLessThanOrEqual(1);
      expect(rationale).toMatch(/^[^.]+(\.\S[^.]*)*$/);
    }
    expect(new Set(proposals.map(({ configuration }) => configurationKey(configuration))).size).toBe(proposals.length);
  });

  it('proposes a beam between one too narrow and one wide enough', () => {
    const search = [{ name: 'params.hnsw_ef', values: [16, 90] }];
    const graphs = [{ name: 'hnsw_config.m', values: [16, 32] }];
    const coarse = emptyStudy({ space: { build: graphs, search, fixed: {}, notes: [] } });
    const proposals = propose(sweep(coarse, 6, surface())).filter(({ change }) => change === 'SearchOnly');
    expect(proposals.length).toBeGreaterThan(0);
    for (const { source, configuration, expected, rationale } of proposals) {
      const beam = Number(configuration.search['params.hnsw_ef']);
      expect(source).toBe('Rule');
      expect(beam).toBeGreaterThan(16);
      expect(beam).toBeLessThan(90);
      expect(rationale).toMatch(
        /^On this build hnsw_ef=16 gave recall 0\.\d+, too little, and hnsw_ef=90 gave 0\.\d+: hnsw_ef=\d+ should be enough/,
      );
      const truth = surface()(configuration.build, configuration.search);
      expect(Math.abs(truth.recall - 0.95)).toBeLessThan(0.02);
      const value = expected.find(({ name }) => name === 'throughput')?.value as number;
      expect(Math.abs(value / truth.rate - 1)).toBeLessThan(0.2);
    }
  });

  it('follows one measurement where it is decisive', () => {
    const favouring = (kind: string) =>
      sweep(
        emptyStudy(),
        4,
        surface({ scalar: kind === 'scalar' ? 1.6 : 0.7, 'turbo.bits4': kind === 'scalar' ? 0.7 : 1.6 }),
      );
    expect(build(propose(favouring('scalar'))[0] as Proposal).quantization_config).toBe('scalar');
    expect(build(propose(favouring('turbo.bits4'))[0] as Proposal).quantization_config).toBe('turbo.bits4');

    const turned = (kind: string, factor: number): Study =>
      withHistory(four, {
        ...four.history,
        searches: four.history.searches.map((row) =>
          row.stage === 'Load' && row.build.quantization_config === kind && Object.keys(row.build).length === 1
            ? {
                ...row,
                metrics: row.metrics.map((metric) =>
                  metric.name === 'throughput' ? { ...metric, value: metric.value * factor } : metric,
                ),
              }
            : row,
        ),
      });
    const first = propose(turned('turbo.bits4', 3))[0] as Proposal;
    const other = propose(turned('scalar', 3))[0] as Proposal;
    expect(build(first).quantization_config).toBe('turbo.bits4');
    expect(build(other).quantization_config).toBe('scalar');
  });

  it('answers any change of the best measurement in its expectations', () => {
    const measured = sweep(emptyStudy(), 5, surface());
    const text = (study: Study) => JSON.stringify(propose(study));
    const row = measured.history.searches.find(({ verdict }) => verdict === 'Passed');
    const changed = withHistory(measured, {
      ...measured.history,
      searches: measured.history.searches.map((other) =>
        other.id === row?.id
          ? {
              ...other,
              metrics: other.metrics.map((metric) =>
                metric.name === 'throughput' ? { ...metric, value: metric.value * 1.3 } : metric,
              ),
            }
          : other,
      ),
    });
    expect(text(changed)).not.toBe(text(measured));
  });

  it('asks for what is likeliest to keep the constraints while nothing does', () => {
    const strict = { constraints: { recall: { min: 0.9999 }, latency: [] } };
    const study = sweep(emptyStudy(strict), 5, (b, s) => ({
      ...surface()(b, s),
      recall: surface()(b, s).recall - 0.05,
    }));
    const [first] = propose(study);
    expect(first?.rationale).toMatch(/nothing has kept the constraints yet/);
    expect(first?.expected.map(({ name }) => name)).toContain('recall');
    expect('build' in nextStep(study)).toBe(true);
  });

  it('heeds other constraints: a build over its memory limit is not likely to be proposed again', () => {
    const memory = (parameters: Parameters) => (parameters.quantization_config === 'turbo.bits4' ? 5e9 : 1e9);
    const heavy: Surface = (b, s) => ({
      ...surface({ 'turbo.bits4': 2 })(b, s),
      extra: [{ name: 'memory', value: memory(b) }],
    });
    const constraints: Study['constraints'] = { recall: { min: 0.95 }, latency: [], memory: { max: 2e9 } };
    const proposals = propose(sweep(emptyStudy({ constraints }), 5, heavy));
    expect(build(proposals[0] as Proposal).quantization_config).not.toBe('turbo.bits4');
  });

  it('serves other objectives', () => {
    const timed: Surface = (b, s) => {
      const { recall, rate } = surface()(b, s);
      return {
        recall,
        rate,
        extra: [
          { name: 'latencyP95', value: 1e4 / rate },
          { name: 'serverCpuPerQuery', value: 1e6 / rate },
        ],
      };
    };
    for (const metric of ['latencyP95', 'serverCpuPerQuery', 'recall'] as const) {
      const objectives: Study['objectives'] = [{ metric, goal: metric === 'recall' ? 'Maximize' : 'Minimize' }];
      const [first] = propose(sweep(emptyStudy({ objectives }), 5, timed));
      expect(first?.expected[0]?.name).toBe(metric);
    }
  });

  it('learns the cost of unloaded searches from the server’s CPU time', () => {
    const withCpu: Surface = (b, s) => ({
      ...surface()(b, s),
      extra: [{ name: 'serverCpuPerQuery', value: 1e6 / surface()(b, s).rate }],
    });
    expect(propose(sweep(emptyStudy(), 4, withCpu))).not.toEqual(propose(four));
  });

  it('does not depend on the order of the history', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(propose(reordered(four, (items) => shuffled(items, seededRandom(seed))))).toEqual(propose(four));
      }),
      { numRuns: 10 },
    );
  });

  it('does not look at runs under way, and does not propose them', () => {
    const started = propose(four)[0] as Proposal;
    const running: RunRecord = {
      ...(four.history.runs[0] as RunRecord),
      id: 'running',
      build: build(started),
      state: 'Running',
      finishedAt: undefined,
    };
    const row = record(four, {
      id: 'half',
      run: 'running',
      build: build(started),
      search: started.configuration.search,
      stage: 'Load',
      metrics: [
        { name: 'recall', value: 1 },
        { name: 'throughput', value: 1e6 },
      ],
    });
    const half = withHistory(four, {
      runs: [...four.history.runs, running],
      searches: [...four.history.searches, row],
    });
    const empty = withHistory(four, { runs: [...four.history.runs, running], searches: four.history.searches });
    expect(propose(half)).toEqual(propose(empty));
    expect(propose(half).map((proposal) => parametersKey(build(proposal)))).not.toContain(
      parametersKey(build(started)),
    );
  });

  it('copes with huge histories and spaces', () => {
    const dimensions = Array.from({ length: 12 }, (_, i) => ({ name: `optimizers_config.x${i}`, values: [1, 2, 3] }));
    const huge = emptyStudy({ space: { ...emptyStudy().space, build: [...emptyStudy().space.build, ...dimensions] } });
    expect(propose(sweep(huge, 6, surface()))).toHaveLength(MAX_PROPOSALS);
    let long = emptyStudy({ strategy: 'Random' });
    for (let i = 0; i < 30; i += 1)
      long = afterRun(long, (nextBuild(long) as { build: Parameters }).build, noisy(surface(), 1));
    expect(propose({ ...long, strategy: 'Adaptive' }).length).toBeGreaterThan(3);
  });
});

describe('rationales', () => {
  it('name no number that is not in the history or in the proposal', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 0, max: 7 }),
        fc.constantFrom(0.9, 0.95, 0.99),
        (seed, builds, min) => {
          const study = sweep(
            emptyStudy({ seed, constraints: { recall: { min }, latency: [] } }),
            builds,
            noisy(surface(), seed),
          );
          const known = new Set<string>();
          const add = (parameters: Parameters) =>
            Object.values(parameters).forEach((value) => typeof value === 'number' && known.add(showNumber(value)));
          for (const row of study.history.searches) {
            add(row.build);
            add(row.search);
            row.metrics.forEach(({ value }) => known.add(showNumber(value)));
          }
          for (const { rationale, configuration, expected } of propose(study)) {
            const own = new Set(known);
            Object.values({ ...configuration.build, ...configuration.search }).forEach(
              (value) => typeof value === 'number' && own.add(showNumber(value)),
            );
            expected.forEach(({ value }) => own.add(showNumber(value)));
            for (const [number] of rationale.matchAll(/(?<![\w.])\d+(\.\d+)?/g)) {
              expect(own.has(number), `${number} in "${rationale}"`).toBe(true);
            }
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('say what was measured, what differs and what is expected', () => {
    const model = propose(four).find(({ source }) => source === 'Model');
    expect(model?.rationale).toMatch(
      /^Like .+, which gave throughput [\d.]+\/s at recall [\d.]+, but with .+ instead of .+: the model expects throughput [\d.]+\/s$/,
    );
  });
});

describe('strategies that do not learn', () => {
  const builds = (study: Study) => sweep(study, 40, surface()).history.runs.map((run) => parametersKey(run.build));

  it('Grid takes the space in order, the defaults first', () => {
    const [first, second, third] = sweep(emptyStudy({ strategy: 'Grid' }), 3, surface()).history.runs.map(
      (run) => run.build,
    );
    expect(first).toEqual({});
    expect(second).toEqual({ 'hnsw_config.m': 8, 'hnsw_config.ef_construct': 64 });
    expect(third).toEqual({ 'hnsw_config.m': 8, 'hnsw_config.ef_construct': 64, quantization_config: 'scalar' });
  });

  it('Random shuffles it by the seed', () => {
    expect(builds(emptyStudy({ strategy: 'Random' }))).toEqual(builds(emptyStudy({ strategy: 'Random' })));
    expect(builds(emptyStudy({ strategy: 'Random' }))).not.toEqual(builds(emptyStudy({ strategy: 'Random', seed: 2 })));
  });

  it.each(['Grid', 'Random'] as const)(
    '%s runs every build once, then says that the space is exhausted',
    (strategy) => {
      const keys = builds(emptyStudy({ strategy }));
      expect(keys).toHaveLength(36);
      expect(new Set(keys).size).toBe(36);
      expect(nextStep(sweep(emptyStudy({ strategy }), 40, surface()))).toMatchObject({ stop: 'SpaceExhausted' });
    },
  );
});

describe('nextStep', () => {
  it('ends when little is to be gained, not before enough was seen', () => {
    const flat: Surface = (b, s) => ({ ...surface()(b, s), rate: 1000 });
    const after = sweep(emptyStudy(), 36, flat);
    expect(after.history.runs.length).toBeGreaterThanOrEqual(STOP_BUILDS);
    expect(after.history.runs.length).toBeLessThan(20);
    expect(nextStep(after)).toEqual({ stop: 'NothingBetterLikely', message: expect.stringContaining('worth a run') });
    expect(nextBuild(after)).toBeUndefined();
    expect(propose(after).length).toBeGreaterThan(0);
  });

  it('ends when the space is exhausted', () => {
    const space = { ...emptyStudy().space, build: [{ name: 'hnsw_config.m', values: [16, 32] }] };
    const after = sweep(emptyStudy({ space }), 9, surface());
    expect(after.history.runs).toHaveLength(2);
    expect(nextStep(after)).toMatchObject({ stop: 'SpaceExhausted' });
  });

  it('goes on with builds while only searches are left to gain from', () => {
    const study = sweep(emptyStudy(), 5, surface());
    expect(nextBuild(study)?.proposal.change).toBe('Recreate');
  });

  it('finds nearly the best build of a surface in a few runs', () => {
    let found = 0;
    for (let seed = 1; seed <= 6; seed += 1) {
      const answer = surface({ scalar: 0.8 + 0.08 * seed });
      const study = sweep(emptyStudy({ seed }), 9, noisy(answer, seed));
      const rates = (b: Parameters) =>
        afterRun(emptyStudy(), b, answer)
          .history.searches.filter(({ verdict }) => verdict === 'Passed')
          .map(({ metrics }) => metrics[1]?.value ?? 0);
      const all = [...new Set(study.space.build[0]?.values)].flatMap((m) =>
        [64, 100, 200].flatMap((ef) =>
          ['none', 'scalar', 'turbo.bits4'].flatMap((q) =>
            rates({ 'hnsw_config.m': m, 'hnsw_config.ef_construct': ef, quantization_config: q }),
          ),
        ),
      );
      const best = Math.max(...study.history.runs.flatMap((run) => rates(run.build)));
      if (best >= 0.95 * Math.max(...all)) found += 1;
    }
    expect(found).toBeGreaterThanOrEqual(5);
  });
});
