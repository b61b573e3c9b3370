import { SWEEP } from '../../crds/sweep/sweep.ts';
import { fuzzedResources } from '../../crds/testing/fuzz.ts';
import { ApiProxy } from '../../dev/faults/proxy/api-proxy.ts';
import type { KubeObject } from '../../operator/runtime/kube.ts';
import { inParallel } from './in-parallel.ts';
import { onInstallation, type Ground, type Installation, type Operator } from './installation.ts';
import { isAnswer, outcomeOf } from './outcomes.ts';
import { acknowledged, isOver, NotSeen, type SeenStatus } from './sight.ts';

export interface Hostile {
  seed: number;
  objects: number;
  /** How many came to what, as `refused: Invalid`, `not accepted: NotSupported`. */
  outcomes: Record<string, number>;
  /** Neither refused nor answered by a status; the first ten, as what was done to them. */
  unanswered: string[];
  /** Ends of the operator's process that nobody asked for. */
  restarts: number;
  /** Lines it logged at level 60 or above. */
  fatal: number;
  /** Lines it logged at level 50. */
  errors: number;
  /** Whether it carried out an ordinary sweep afterwards. */
  worksAfterwards: boolean;
}

const NAMESPACES = 4;
const AT_A_TIME = 8;
const ANSWER_SECONDS = 60;

/** Sends made-up, mostly broken QdrantSweeps as a careless client would, and looks at what becomes of each. */
export function measureHostile(ground: Ground, { objects, seed }: { objects: number; seed: number }): Promise<Hostile> {
  return onInstallation(ground, 'hostile', { namespaces: NAMESPACES }, async (installation) => {
    const operator = await installation.startOperator();
    const door = await ApiProxy.start(ground.world.upstream);
    const outcomes = new Map<string, number>();
    const unanswered: string[] = [];
    try {
      const resources = fuzzedResources(SWEEP, { seed, count: objects });
      await inParallel(AT_A_TIME, resources, async ({ body, hostile }, index) => {
        const namespace = installation.namespaces[index % NAMESPACES] as string;
        const outcome = await send(installation, door.url, renamed(body, namespace, `fuzzed-${index}`));
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (!isAnswer(outcome) && unanswered.length < 10)
          unanswered.push(`${index}: ${hostile || 'unbroken'}: ${outcome}`);
        if ((index + 1) % 250 === 0) ground.say(`${index + 1} of ${objects} objects sent`);
      });
      const figures: Hostile = {
        seed,
        objects,
        outcomes: Object.fromEntries([...outcomes].toSorted(([, a], [, b]) => b - a)),
        unanswered,
        worksAfterwards: await works(installation),
        ...said(operator),
      };
      ground.say(`${objects} hostile objects: ${JSON.stringify(figures.outcomes)}`);
      return figures;
    } finally {
      await door.stop();
    }
  });
}

/** The same resource under another name; bytes that JSON.parse does not change stay. */
function renamed(body: string, namespace: string, name: string): KubeObject {
  const resource = JSON.parse(body) as KubeObject;
  resource.metadata = { name, namespace };
  return resource;
}

/** Sends one, waits for the operator's word on it, and deletes it. @returns what became of it */
async function send(installation: Installation, url: string, resource: KubeObject): Promise<string> {
  const { name, namespace = '' } = resource.metadata;
  const answer = await fetch(`${url}/apis/${resource.apiVersion}/namespaces/${namespace}/qdrantsweeps`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(resource),
  });
  const { reason = 'no reason' } = (await answer.json()) as { reason?: string };
  if (answer.status >= 500) return `API server: ${answer.status} ${reason}`;
  if (!answer.ok) return `refused: ${reason}`;
  try {
    const look = (): SeenStatus | undefined => acknowledged(installation.sight.sweep(namespace, name));
    const outcome = outcomeOf(await installation.until(`the status of ${name}`, look, ANSWER_SECONDS));
    await installation.remove(resource, ANSWER_SECONDS);
    return outcome;
  } catch (error) {
    if (error instanceof NotSeen) return error.message.replaceAll(name, 'it');
    throw error;
  }
}

async function works(installation: Installation): Promise<boolean> {
  const { metadata } = await installation.create(installation.nextSweep());
  const { name, namespace = '' } = metadata;
  const over = (): KubeObject | undefined => {
    const sweep = installation.sight.sweep(namespace, name);
    return isOver(sweep) ? sweep : undefined;
  };
  const sweep = await installation.until(`the end of ${name}`, over, 120);
  return acknowledged(sweep)?.phase === 'Completed';
}

function said({ process }: Operator): Pick<Hostile, 'restarts' | 'fatal' | 'errors'> {
  const levels = process.lines.map(({ level }) => Number(level));
  return {
    restarts: process.exit ? 1 : 0,
    fatal: levels.filter((level) => level >= 60).length,
    errors: levels.filter((level) => level === 50).length,
  };
}
