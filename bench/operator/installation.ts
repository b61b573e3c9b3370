import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import type { Scene } from '../../dev/faults/cluster/scene.ts';
import { kubeconfigOf, operatorEnvironment } from '../../dev/faults/operator-environment.ts';
import { OperatorProcess } from '../../dev/faults/operator-process.ts';
import { ApiProxy } from '../../dev/faults/proxy/api-proxy.ts';
import { SPEC } from '../../dev/faults/stage.ts';
import type { World } from '../../dev/faults/world.ts';
import { ROOT } from '../../dev/house/run.ts';
import { busKeysToSecret } from '../../operator/bus/auth.ts';
import { KINDS } from '../../operator/runtime/kinds.ts';
import { isNotFound, refOf, type KubeObject } from '../../operator/runtime/kube.ts';
import { SWEEP_KIND } from '../../operator/kinds.ts';
import { playQdrant, type PlayedQdrant } from '../../operator/testing/played-qdrant.ts';
import { ApiCalls } from './api-calls.ts';
import { inParallel } from './in-parallel.ts';
import type { Bound, Sight } from './sight.ts';

/** What all measurements stand on. */
export interface Ground {
  world: World;
  sight: Sight;
  /** Ends whatever is under way. */
  signal: AbortSignal;
  /** Told of what is done, a line each. */
  say: (line: string) => void;
}

/** One operator process, and its own door to the API server, where what it asks is counted. */
export interface Operator {
  process: OperatorProcess;
  api: ApiProxy;
  calls: ApiCalls;
  /** Where it serves its metrics. */
  port: number;
  /** How often it was started again. */
  restarts: number;
}

export interface InstallationOptions {
  /** For sweeps, all of which the operator watches. */
  namespaces?: number;
  /** Between two things a load generator says, ms. Default none. */
  paceMs?: number;
  onMoment?: Scene['onMoment'];
}

const NATS_SECRET = 'qdrant-bench-nats';
const START_SECONDS = 60;

/** What is measured: operators of one installation, as the chart sets them up, in a world where the rest is played. */
export class Installation {
  readonly namespaces: readonly string[];
  readonly operators: Operator[] = [];
  readonly qdrant: PlayedQdrant;
  readonly sight: Sight;
  readonly #world: World;
  readonly #name: string;
  readonly #signal: AbortSignal;
  readonly #ended = new AbortController();
  #made = 0;

  private constructor(
    world: World,
    sight: Sight,
    name: string,
    options: InstallationOptions,
    qdrant: PlayedQdrant,
    signal: AbortSignal,
  ) {
    this.#world = world;
    this.#name = name;
    this.#signal = signal;
    this.sight = sight;
    this.qdrant = qdrant;
    this.namespaces = Array.from({ length: options.namespaces ?? 1 }, (_, index) => `${name}-${index + 1}`);
    mkdirSync(this.#folder, { recursive: true });
  }

  static async set(
    { world, sight, signal }: Ground,
    name: string,
    options: InstallationOptions = {},
  ): Promise<Installation> {
    const qdrant = await playQdrant({ host: '0.0.0.0', port: 0 });
    const made = new Installation(world, sight, name, options, qdrant, signal);
    await world.query(`create database ${made.#database}`);
    for (const namespace of [made.#home, ...made.namespaces]) {
      await world.kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, signal);
    }
    for (const namespace of made.namespaces) {
      world.cluster.scenes.set(namespace, {
        qdrant,
        paceMs: options.paceMs ?? 0,
        onMoment: options.onMoment ?? (() => Promise.resolve()),
        started: [],
        said: [],
        filled: new Map(),
      });
    }
    await world.kube.create(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: NATS_SECRET, namespace: made.#home },
        type: 'Opaque',
        stringData: busKeysToSecret(world.keys),
      },
      signal,
    );
    return made;
  }

  /** Starts an operator and waits until it is ready, and works if it is to lead. */
  async startOperator(role: 'leader' | 'standby' = 'leader'): Promise<Operator> {
    const name = `operator-${this.operators.length + 1}`;
    const api = await ApiProxy.start(this.#world.upstream);
    const calls = new ApiCalls();
    api.onRequest = calls.count;
    const operator: Operator = { process: await this.#launch(name, api), api, calls, port: 0, restarts: 0 };
    this.operators.push(operator);
    const { process } = operator;
    operator.port = Number((await process.logged('operator starting', START_SECONDS * 1000))['port']);
    const deadline = Date.now() + START_SECONDS * 1000;
    while (!(await isReady(operator))) {
      if (process.exit || Date.now() > deadline) {
        throw new Error(`${name} is not ready; its last words: ${JSON.stringify(process.lines.slice(-3))}`);
      }
      await sleep(50, undefined, { signal: this.#signal });
    }
    if (role === 'leader') await process.logged('operator working', START_SECONDS * 1000);
    return operator;
  }

  /** Has an operator that ended by itself started again as the kubelet does: at once, then after 10 s, 20 s, … */
  keep(operator: Operator): void {
    const again = async (): Promise<void> => {
      const { wanted } = await operator.process.ended;
      if (wanted || this.#signal.aborted) return;
      operator.restarts += 1;
      const pause = operator.restarts === 1 ? 0 : 10_000 * 2 ** Math.min(5, operator.restarts - 2);
      await sleep(pause, undefined, { signal: this.#ended.signal });
      operator.process = await this.#launch(operator.process.name, operator.api);
      await again();
    };
    // Its end, while it waits, is that of the measurement.
    again().catch(() => undefined);
  }

  /** A sweep of one build on a Qdrant of its own, not made yet; the n-th in namespace n, and round again. */
  nextSweep(spec: object = {}): KubeObject {
    const number = this.#made;
    this.#made += 1;
    const { apiVersion, kind } = SWEEP_KIND;
    return {
      apiVersion,
      kind,
      metadata: { name: `sweep-${number}`, namespace: this.namespaces[number % this.namespaces.length] as string },
      spec: { target: { external: { url: this.qdrantUrl(number) } }, ...SPEC, budget: { builds: 1 }, ...spec },
    };
  }

  /** Another address of the one played Qdrant for each sweep: those who share an address take turns. */
  qdrantUrl(number: number): string {
    return `http://127.1.${number >> 8}.${number & 255}:${new URL(this.qdrant.url).port}`;
  }

  /** How long load generators pause between two things they say, from now on. */
  pace(ms: number): void {
    for (const namespace of this.namespaces) {
      const scene = this.#world.cluster.scenes.get(namespace);
      if (scene) scene.paceMs = ms;
    }
  }

  create(object: KubeObject): Promise<KubeObject> {
    return this.#world.kube.create(object, this.#signal);
  }

  /** Deletes a sweep; resolves when the operator has let it go. */
  async remove({ metadata: { name, namespace = '' } }: KubeObject, seconds = 60): Promise<void> {
    await this.#world.kube.delete({ ...SWEEP_KIND, namespace, name }, {}, this.#signal);
    await this.until(`the end of ${namespace}/${name}`, () => !this.sight.sweep(namespace, name) || undefined, seconds);
  }

  until<T>(what: string, look: () => T | undefined, seconds: number): Promise<T> {
    const bound: Bound = { seconds, signal: this.#signal };
    return this.sight.until(what, look, bound);
  }

  /** Ends the operators and takes away all that was made; also when the measurement was given up. */
  async clear(): Promise<void> {
    this.#ended.abort(new Error('the measurement is over'));
    for (const { process, api } of this.operators) {
      if (!process.exit) await process.kill();
      await api.stop();
    }
    for (const namespace of this.namespaces) this.#world.cluster.scenes.delete(namespace);
    await this.qdrant.close();
    await this.#world.query(`drop database if exists ${this.#database} with (force)`);
    // When all is given up the whole API server goes.
    if (this.#signal.aborted) return;
    const { kube } = this.#world;
    await inParallel(16, this.sight.sweeps(this.namespaces), async (sweep) => {
      const ref = refOf(SWEEP_KIND, sweep);
      try {
        // Nobody is left to take it off.
        await kube.mergePatch(ref, { metadata: { finalizers: null } });
        await kube.delete(ref);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    });
    for (const name of [...this.namespaces, this.#home]) await kube.delete({ ...KINDS.Namespace, name });
    const left = (): string | undefined =>
      this.namespaces.find((name) => this.#world.cluster.watched.get('Namespace', undefined, name));
    await this.until(`the end of ${this.#name}'s namespaces`, () => left() === undefined || undefined, 120);
  }

  get #home(): string {
    return `${this.#name}-system`;
  }

  get #database(): string {
    return this.#name.replaceAll('-', '_');
  }

  get #folder(): string {
    return join(this.#world.folder, this.#name);
  }

  #launch(name: string, api: ApiProxy): Promise<OperatorProcess> {
    const kubeconfig = join(this.#folder, `${name}.kubeconfig`);
    writeFileSync(kubeconfig, kubeconfigOf(api.url));
    return OperatorProcess.start(name, this.#environment(name, kubeconfig), join(this.#folder, `${name}.log`));
  }

  /** Watching all namespaces. */
  #environment(name: string, kubeconfig: string): Record<string, string> {
    const database = new URL(this.#world.postgres.url);
    database.pathname = `/${this.#database}`;
    const around = { name, home: this.#home, kubeconfig, databaseUrl: database.href };
    const { url: natsUrl } = this.#world.nats;
    return {
      ...operatorEnvironment({ ...around, natsUrl, natsSecret: NATS_SECRET }),
      NODE_OPTIONS: nodeOptions(),
    };
  }
}

/** How the chart has Node use its memory. */
function nodeOptions(): string {
  const values = parse(readFileSync(join(ROOT, 'charts/qdrant-bench/values.yaml'), 'utf8')) as { nodeOptions: string };
  return values.nodeOptions;
}

async function isReady({ port }: Operator): Promise<boolean> {
  try {
    const { status } = await fetch(`http://127.0.0.1:${port}/readyz`);
    return status === 200;
  } catch {
    return false;
  }
}

/** Measures on an installation of its own, which is gone when this has resolved. */
export async function onInstallation<T>(
  ground: Ground,
  name: string,
  options: InstallationOptions,
  measure: (installation: Installation) => Promise<T>,
): Promise<T> {
  const installation = await Installation.set(ground, name, options);
  let result: T;
  try {
    result = await measure(installation);
  } catch (error) {
    // What went wrong first is what matters.
    await installation.clear().catch(() => undefined);
    throw error;
  }
  await installation.clear();
  return result;
}
