import { openDataset } from '../datasets/dataset.ts';
import { encodeQueries } from '../load/queries.ts';
import { makeIsolator } from '../load/isolation.ts';
import { Progress } from '../progress.ts';
import type { FinalsJob } from '../protocol.ts';
import { endpointRules } from '../rest.ts';
import type { JobContext } from './deps.ts';
import { loadReport, secondText, seriesMessages } from './load-report.ts';
import { connectionsFor, firstGuess, SearchBench } from './search-bench.ts';

/** One measurement of one finalist. */
export interface FinalTurn {
  arm: number;
  /** 1 … repeats. */
  repeat: number;
  id: string;
}

/** The order of measurements: A B, B A, A B, …, so that a drift of the machine hits all arms alike. */
export function finalTurns(job: Pick<FinalsJob, 'arms' | 'repeats' | 'done'>): FinalTurn[] {
  const done = new Set(job.done);
  const turns: FinalTurn[] = [];
  for (let repeat = 1; repeat <= job.repeats; repeat += 1) {
    const arms = job.arms.map((_, arm) => arm);
    if (repeat % 2 === 0) arms.reverse();
    for (const arm of arms) {
      const id = job.arms[arm]?.ids[repeat - 1];
      if (id !== undefined && !done.has(id)) turns.push({ arm, repeat, id });
    }
  }
  return turns;
}

/** Measures finished builds again, each arm as often as asked. Publishes a `search` of stage Final after each. */
export async function runFinalsJob(
  job: FinalsJob,
  { publish, signal, note, access, leader }: JobContext,
): Promise<void> {
  const turns = finalTurns(job);
  const dataset = await openDataset(job.datasetDir);
  const progress = new Progress(publish);
  const vectors = encodeQueries(dataset);
  const isolators = [...new Set(job.arms.map(({ endpoint }) => endpoint.serverPid))].map((pid) =>
    makeIsolator(job.isolation, pid, note),
  );
  const benches = job.arms.map(
    ({ endpoint }, arm) =>
      new SearchBench({
        endpoint,
        rules: endpointRules(endpoint, access),
        dataset,
        limit: job.limit,
        workload: job.workload,
        windowSeconds: job.rules.windowSeconds,
        seed: job.seed,
        serverCores: job.isolation?.serverCores.length,
        connections: connectionsFor(job.rules),
        together: leader && { leader, arm },
        signal,
        vectors,
      }),
  );
  try {
    for (const isolator of isolators) await isolator.isolate();
    for (const [index, { arm: number, repeat, id }] of turns.entries()) {
      const arm = job.arms[number] as FinalsJob['arms'][number];
      const bench = benches[number] as SearchBench;
      progress.say('Finals', index, turns.length, `${id} (repeat ${repeat})`, false);
      const start = performance.now();
      const recalled = await bench.recall(arm.params);
      const result = await bench.load(
        arm.params,
        job.rules,
        arm.startRate === undefined
          ? firstGuess(recalled)
          : // What was found once is nearly right: full windows around it, in steps of the wanted resolution.
            { startRate: arm.startRate, climb: 1.05, scouts: false, confirmations: 1, maxWindows: 10 },
        recalled.result.service.percentile(50),
        async (report) => {
          for (const message of seriesMessages(report, id, repeat)) await publish(message);
        },
        (point) => progress.say('Finals', index, turns.length, `${id} (repeat ${repeat}): ${secondText(point)}`, false),
      );
      await publish({
        type: 'search',
        id,
        run: arm.run,
        repeat,
        stage: 'Final',
        ...loadReport(result, recalled.metrics, recalled.asked),
        seconds: (performance.now() - start) / 1000,
      });
    }
    progress.say('Finals', turns.length, turns.length, undefined, false);
  } finally {
    for (const isolator of isolators) await isolator.release();
    await progress.flush().catch(() => undefined);
    for (const bench of benches) await bench.close();
    dataset.close();
  }
}
