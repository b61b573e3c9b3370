import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import {
  asProcess,
  inProcess,
  printed,
  SMALL_SPEC,
  sweepYaml,
  temporaryFolder,
  type Printed,
} from './cli.test-support.ts';

const { path: folder, remove } = temporaryFolder();
afterAll(remove);

/** Seeded moments: a linear congruential generator (Numerical Recipes), so that a failure can be repeated. */
function* moments(seed: number): Generator<number> {
  for (let state = seed >>> 0; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

const KILLS = Number(process.env['QDRANT_BENCH_KILLS'] ?? 20);
const SEED = Number(process.env['QDRANT_BENCH_SEED'] ?? 1);

/** The sweep's own searches: what the space decides. Which searches become finalists is up to the measurements. */
const own = ({ searches }: Printed): string[] => searches.filter(({ repeat }) => repeat === 0).map(({ id }) => id);

it(
  `killed by SIGKILL at ${KILLS} moments, a sweep ends with the table of an undisturbed one, each id once`,
  { timeout: 120_000 + KILLS * 20_000 },
  async () => {
    const spec = { ...SMALL_SPEC, dataset: { synthetic: { ...SMALL_SPEC.dataset.synthetic, points: 8000 } } };
    const file = join(folder, 'kill.yaml');
    writeFileSync(file, sweepYaml('kill', spec));

    const began = Date.now();
    const undisturbed = await asProcess(['run', file, '--store', join(folder, 'undisturbed'), '--output', 'json']);
    expect(undisturbed.code, undisturbed.err).toBeLessThanOrEqual(1);
    const wholeMs = Date.now() - began;

    const args = ['run', file, '--store', join(folder, 'killed'), '--output', 'json'];
    const random = moments(SEED);
    let kills = 0;
    let end: Awaited<ReturnType<typeof asProcess>> | undefined;
    while (kills < KILLS) {
      // From the first instants, where locks and migrations are, to late in the sweep.
      const said = await asProcess(args, 100 + (random.next().value as number) * wholeMs * 0.6);
      if (said.code !== 137) {
        // It came to its end between two kills: begin another sweep of the same store until all kills are spent.
        expect(said.code, said.err).toBeLessThanOrEqual(1);
        end = said;
        writeFileSync(file, sweepYaml(`kill-${kills}`, spec));
        expect(own(printed(said))).toHaveLength(own(printed(undisturbed)).length);
        continue;
      }
      kills += 1;
    }
    writeFileSync(file, sweepYaml('kill', spec));
    end = await asProcess(args);
    expect(end.code, end.err).toBeLessThanOrEqual(1);
    const [wanted, got] = [printed(undisturbed), printed(end)];
    expect(own(got).toSorted()).toEqual(own(wanted).toSorted());
    expect(new Set(got.searches.map(({ id }) => id)).size).toBe(got.searches.length);
    expect(got.status.progress).toMatchObject({ builds: 3, failed: wanted.status.progress.failed });

    const list = await inProcess(['list', '--store', join(folder, 'killed'), '-o', 'json']);
    expect(list.code, list.err).toBe(0);
  },
);
