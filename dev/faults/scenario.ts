import { setTimeout as sleep } from 'node:timers/promises';
import { SWEEP_KIND } from '../../operator/kinds.ts';
import { childName } from '../../operator/targets/kubernetes/names.ts';
import { endViolations, goneViolations, type Allowed, type Violation } from './invariants.ts';
import { normalForm, type NormalForm } from './normal-form.ts';
import type { Snapshot } from './snapshot.ts';
import { NotInTime, Stage, SWEEP } from './stage.ts';
import type { World } from './world.ts';

/** Sweeps whose undisturbed end the disturbed ones are compared with. */
export type Variant = 'base' | 'wider' | 'kubernetes';

/** One thing that goes wrong, or several, while a sweep is carried out. */
export interface Scenario {
  /** `kill/after/17`, `outage/postgres/searching`. */
  name: string;
  /** What the sweep has to come to. */
  variant: Variant;
  /** `Gone`: the scenario deletes the sweep. */
  ends: 'Completed' | 'Gone';
  /** Needs the world for itself: it stops what others use. */
  alone?: boolean;
  allowed?: Allowed;
  /** From the operator's start to the sweep's end. Default 150 s. */
  limitSeconds?: number;
  /** Environment of the n-th operator process, from 1. */
  environment?: (start: number) => Readonly<Record<string, string>>;
  /** Operators die in it: a lease of 3 s in place of 15 s, of which a hiccup of the API server would cost the lead. */
  quickLease?: boolean;
  /** Operators that run side by side. Default 1. */
  operators?: number;
  /** What only this scenario promises, looked at when the operators have ended. */
  judge?: (stage: Stage) => Violation[];
  /** Plans what is to happen, before the operator starts. */
  arrange?: (stage: Stage) => void;
  /** Begins as the sweep does; the sweep's end is waited for when it is through. */
  disturb?: (stage: Stage) => Promise<void>;
  /** Whether what was to go wrong did. Default true. */
  happened?: (stage: Stage) => boolean;
}

/** A write of the operator, as it numbers them. */
export interface Step {
  number: number;
  what: string;
}

export interface Outcome {
  name: string;
  violations: Violation[];
  /** Whether what was to go wrong did: a fault that met nothing proves nothing. */
  happened: boolean;
  /** From the operator's start to the sweep's end, what was kept away on purpose apart, s. */
  seconds: number;
  form: NormalForm;
  /** The writes of the first operator process. */
  steps: Step[];
}

/** Clean-up may come a moment after the status says so: the garbage collector's and the kubelet's part. */
const SETTLE_SECONDS = 5;

/** Carries out one scenario from its stage's setting to its end, and says what was wrong. */
export async function runScenario(
  world: World,
  scenario: Scenario,
  namespace: string,
  wanted: NormalForm | undefined,
): Promise<Outcome> {
  const target = scenario.variant === 'kubernetes' ? 'kubernetes' : 'external';
  const { allowed = {}, limitSeconds = 150, quickLease = false } = scenario;
  const stage = await Stage.set(world, namespace, { target, quickLease });
  const violations: Violation[] = [];
  let form: NormalForm = { status: undefined, runs: [], searches: [] };
  const began = Date.now();
  let seconds = 0;
  try {
    scenario.arrange?.(stage);
    for (let operators = 0; operators < (scenario.operators ?? 1); operators += 1) {
      await stage.keepOperator(scenario.environment ?? (() => ({})));
    }
    await stage.create(scenario.variant === 'wider' && !scenario.disturb && !scenario.arrange ? WIDER : {});
    await scenario.disturb?.(stage);
    if (scenario.ends === 'Completed') {
      await stage.untilPhase('Completed', limitSeconds);
      seconds = (Date.now() - began - stage.awayMs) / 1000;
      const check = async (): Promise<Violation[]> => {
        const snapshot = await stage.snapshot();
        form = formOf(snapshot, stage);
        return endViolations(snapshot, wanted ?? form, form, allowed);
      };
      violations.push(...(await settled(check)));
      await stage.delete();
    }
    await stage.until('the deletion', async () => (await stage.sweep()) === undefined, limitSeconds);
    if (scenario.ends === 'Gone') seconds = (Date.now() - began - stage.awayMs) / 1000;
    violations.push(...(await settled(async () => goneViolations(await stage.snapshot(), allowed))));
    await stage.stopOperators();
    violations.push(...goneViolations(await stage.snapshot(), allowed), ...(scenario.judge?.(stage) ?? []));
  } catch (error) {
    const phase = ((await stage.sweep())?.['status'] as { phase?: string } | undefined)?.phase ?? 'none';
    const why = error instanceof NotInTime ? error.message : String((error as Error).stack ?? error);
    violations.push({ kind: 'lost', what: `${why} (phase ${phase}; logs in ${stage.folder})` });
  } finally {
    await stage.clear();
  }
  const happened = scenario.happened?.(stage) ?? true;
  return { name: scenario.name, violations: distinct(violations), happened, seconds, form, steps: stepsOf(stage) };
}

/** Changes to the base's spec that make its sweep go on: another build. */
export const WIDER = {
  parameters: [
    { name: 'hnsw_config.m', numbers: [8, 16] },
    { name: 'params.hnsw_ef', numbers: [64, 90] },
  ],
  budget: { builds: 3 },
};

function formOf(snapshot: Snapshot, stage: Stage): NormalForm {
  const { uid = '' } = snapshot.sweep?.metadata ?? {};
  const { namespace, name } = { namespace: stage.namespace, name: SWEEP };
  const own = childName({ ...SWEEP_KIND, namespace, name, uid }, 'qdrant');
  return normalForm(snapshot, { [stage.scene.qdrant.url]: 'http://qdrant', [own]: 'qdrant', [namespace]: 'namespace' });
}

/** What is still wrong when things have had time to settle. */
async function settled(check: () => Promise<Violation[]>): Promise<Violation[]> {
  const deadline = Date.now() + SETTLE_SECONDS * 1000;
  for (;;) {
    const violations = await check();
    if (violations.length === 0 || Date.now() > deadline) return violations;
    await sleep(100);
  }
}

function stepsOf(stage: Stage): Step[] {
  return (stage.operators[0]?.process.lines ?? []).flatMap(({ msg, number, what }) =>
    msg === 'effect' && typeof number === 'number' && typeof what === 'string' ? [{ number, what }] : [],
  );
}

function distinct(violations: readonly Violation[]): Violation[] {
  return [...new Map(violations.map((violation) => [`${violation.kind} ${violation.what}`, violation])).values()];
}
