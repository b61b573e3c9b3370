import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { sweepSchema, type QdrantSweep } from '../../../crds/sweep/sweep.ts';
import { ANYWHERE } from '../../../loadgen/net/address-rules.ts';
import { LocalProcessRunner } from '../../../operator/jobs/local-process.ts';
import type { History } from '../../../operator/judge/history.ts';
import { openRunStore } from '../../../operator/runs/open-store.ts';
import type { RunStore } from '../../../operator/runs/run-store.ts';
import { conductSweep } from '../../../operator/sweep/conduct.ts';
import { ExternalTarget } from '../../../operator/targets/external/external-target.ts';
import { ROOT } from '../../house/run.ts';
import { Random } from '../random.ts';
import { problemsOf, type Passage } from './data-checks.ts';
import { DATA_FAULTS, type DataFault } from './data-faults.ts';
import { EnginePlace } from './engine-place.ts';

/** Large enough that an upload and an index build last longer than a fault takes to strike. */
const SPEC = {
  dataset: { synthetic: { points: 20_000, dimensions: 64, queries: 100, seed: 3, clusters: 20 } },
  workload: { duration: '500ms', warmup: '100ms', repeats: 1 },
  parameters: [
    { name: 'hnsw_config.m', numbers: [8] },
    { name: 'params.hnsw_ef', numbers: [64, 512] },
  ],
  constraints: { recall: { min: 0.5 } },
  judge: { strategy: 'Grid' },
  budget: { builds: 2 },
};
/** A fault strikes within so long after its phase began, and lasts so long. ms. */
const MAX_DELAY = 400;
const [MIN_LENGTH, MAX_LENGTH] = [200, 3000];
/** So often a sweep that stopped is taken up again. */
const MAX_RESUMES = 6;
const GIVE_UP_MS = 240_000;

export interface DataOutcome {
  fault: string;
  problems: string[];
  /** Why it stopped in between. */
  stops: string[];
  /** Attempts that were given up. */
  failures: string[];
  /** It never came to the phase, or the machine lacks what it needs. */
  skipped?: string;
}

export interface DataCampaign {
  seed: number;
  /** Which, and how often all. */
  only?: string;
  rounds: number;
  /** Whether published rates are compared with those of an undisturbed sweep: not on a busy machine. */
  rates: boolean;
  say: (line: string) => void;
  signal: AbortSignal;
}

/**
 * Sweeps on a real engine, load generators as processes of their own, a fault in each phase: the engine killed, the
 * network cut, a load generator without memory, a full disk. Every sweep has to come to its end, resumed where it
 * stopped, with a named reason and without a number of the fault's.
 */
export async function runDataCampaign(campaign: DataCampaign): Promise<DataOutcome[]> {
  const { only, rounds, rates, say, signal } = campaign;
  const random = new Random(campaign.seed);
  const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-data-faults-'));
  mkdirSync(join(folder, 'datasets'));
  const store = await openRunStore(join(folder, 'record'));
  const place = await EnginePlace.start(join(folder, 'engine'));
  const scene: Scene = { folder, store, place, signal };
  const outcomes: DataOutcome[] = [];
  try {
    say('the sweep without a fault');
    const { history: undisturbed } = await passThrough(scene, 'undisturbed', undefined, random);
    const faults = DATA_FAULTS.filter(({ name }) => only === undefined || name.startsWith(only));
    for (let round = 1; round <= rounds; round += 1) {
      for (const fault of random.shuffled(faults)) {
        signal.throwIfAborted();
        const outcome = await one(scene, fault, `${fault.name}-${round}`, undisturbed, random, rates);
        outcomes.push(outcome);
        const verdict = outcome.skipped ?? (outcome.problems.length === 0 ? 'ok' : outcome.problems.join('; '));
        const told = [...outcome.stops, ...outcome.failures];
        say(`${fault.name}: ${verdict}${told.length === 0 ? '' : `\n    told: ${told.join('\n          ')}`}`);
      }
    }
    return outcomes;
  } finally {
    await store.close();
    await place.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Scene {
  folder: string;
  store: RunStore;
  place: EnginePlace;
  signal: AbortSignal;
}

async function one(
  scene: Scene,
  fault: DataFault,
  name: string,
  undisturbed: History,
  random: Random,
  rates: boolean,
): Promise<DataOutcome> {
  const nothing = { fault: fault.name, problems: [], stops: [], failures: [] };
  if (fault.needsOwnDisk && !scene.place.ownDisk)
    return { ...nothing, skipped: 'skipped: no file system could be mounted' };
  const passage = await passThrough(scene, name, fault, random);
  if (!passage.struck) return { ...nothing, problems: ['the sweep never came to that phase'] };
  return {
    fault: fault.name,
    problems: problemsOf(passage, undisturbed, { rates }),
    stops: passage.stops.map(({ reason, message }) => `${reason}: ${message}`),
    failures: [...passage.failures],
  };
}

/** Conducts a sweep, with a fault if there is one, and takes it up again where it stops. */
async function passThrough(
  { folder, store, place, signal }: Scene,
  name: string,
  fault: DataFault | undefined,
  random: Random,
): Promise<Passage & { struck: boolean }> {
  const stops: { reason: string; message: string }[] = [];
  const failures: string[] = [];
  const limit = AbortSignal.any([signal, AbortSignal.timeout(GIVE_UP_MS)]);
  let mended: Promise<void> | undefined;
  const strike = async (): Promise<void> => {
    await sleep(random.next() * MAX_DELAY);
    await fault?.strike(place);
    await sleep(MIN_LENGTH + random.next() * (MAX_LENGTH - MIN_LENGTH));
    await fault?.mend(place);
  };
  for (let resumes = 0; ; resumes += 1) {
    const conclusion = await conductSweep(
      { sweep: sweep(name, place.url), datasetCache: join(folder, 'datasets'), benchVersion: '0' },
      {
        store,
        target: new ExternalTarget({ url: place.url, rules: ANYWHERE }),
        jobs: new LocalProcessRunner(join(ROOT, 'loadgen/main.ts'), pino({ level: 'silent' })),
        now: () => new Date(),
        log: pino({ level: 'silent' }),
        onEvent: (event) => {
          if (event.type === 'attemptFailed') failures.push(event.message);
          if (event.type === 'progress' && event.progress.phase === fault?.phase) mended ??= strike();
        },
      },
      limit,
    );
    await mended;
    if (conclusion.stopped !== undefined) stops.push({ reason: conclusion.stopped, message: conclusion.message });
    if (conclusion.stopped === undefined || resumes === MAX_RESUMES || limit.aborted) {
      const { history, status } = conclusion;
      const collections = await place.collections();
      return { history, phase: status.phase, stops, failures, collections, struck: mended !== undefined };
    }
  }
}

function sweep(name: string, url: string): QdrantSweep {
  return sweepSchema.parse({
    apiVersion: 'qdrantbench.io/v1alpha1',
    kind: 'QdrantSweep',
    metadata: { name: name.toLowerCase().replace('/', '-') },
    spec: { target: { external: { url } }, ...SPEC },
  });
}
