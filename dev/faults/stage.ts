import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SweepSpec } from '../../crds/sweep/sweep-spec.ts';
import type { SweepStatus } from '../../crds/sweep/sweep-status.ts';
import { busKeysToSecret } from '../../operator/bus/auth.ts';
import { LABELS, MANAGER } from '../../operator/owned/sweep-ref.ts';
import { KINDS } from '../../operator/runtime/kinds.ts';
import type { DeleteOptions, KubeObject } from '../../operator/runtime/kube.ts';
import { startTcpRelay, type TcpRelay } from '../../operator/runtime/testing/tcp-relay.ts';
import { SWEEP_KIND } from '../../operator/kinds.ts';
import { playQdrant } from '../../operator/testing/played-qdrant.ts';
import { lookAtBus } from './bus-probe.ts';
import type { Moment, PodIdentity, Scene } from './cluster/scene.ts';
import { kubeconfigOf, operatorEnvironment } from './operator-environment.ts';
import { OperatorProcess } from './operator-process.ts';
import { ApiProxy } from './proxy/api-proxy.ts';
import { readRecord, type Snapshot } from './snapshot.ts';
import type { World } from './world.ts';

/** The sweep every scenario is about, unless it says otherwise: two builds, a few searches each. */
export const SPEC: Omit<SweepSpec, 'target'> = {
  dataset: { synthetic: { points: 50_000, dimensions: 128 } },
  workload: { repeats: 1 },
  parameters: [
    { name: 'hnsw_config.m', numbers: [8] },
    { name: 'params.hnsw_ef', numbers: [64, 90] },
  ],
  judge: { strategy: 'Grid' },
  budget: { builds: 2 },
};
export const SWEEP = 'sweep';

/** An operator and its own door to the API server. */
export interface Operator {
  process: OperatorProcess;
  api: ApiProxy;
}

export interface StageOptions {
  /** A dead leader's place is free in seconds, not in a quarter of a minute. */
  quickLease?: boolean;
  /** Changes to {@link SPEC}. */
  spec?: object;
  target?: 'external' | 'kubernetes';
  /** Between two things a load generator says, ms. */
  paceMs?: number;
}

/** Where one scenario plays: namespaces, a database, a Qdrant and relays of its own in the campaign's world. */
export class Stage {
  readonly namespace: string;
  readonly scene: Scene;
  readonly operators: Operator[] = [];
  readonly nats: TcpRelay;
  readonly postgres: TcpRelay;
  readonly folder: string;
  readonly world: World;
  readonly #options: StageOptions;
  readonly #database: string;
  /** What is to happen at a moment, the first time it comes. */
  readonly #plans = new Map<Moment, (identity: PodIdentity) => Promise<void>>();
  readonly #reached: Moment[] = [];
  readonly #keepers: Promise<void>[] = [];
  #ending = false;
  #deaths = false;
  #takeRights: () => Promise<void> = () => Promise.resolve();
  /** How long something was kept away on purpose, ms. */
  awayMs = 0;

  private constructor(
    world: World,
    namespace: string,
    options: StageOptions,
    parts: Pick<Stage, 'scene' | 'nats' | 'postgres'>,
  ) {
    this.world = world;
    this.namespace = namespace;
    this.#options = options;
    this.#database = namespace.replaceAll('-', '_');
    this.scene = parts.scene;
    this.nats = parts.nats;
    this.postgres = parts.postgres;
    this.folder = join(world.folder, namespace);
    mkdirSync(this.folder, { recursive: true });
  }

  static async set(world: World, namespace: string, options: StageOptions = {}): Promise<Stage> {
    const [qdrant, nats, postgres] = await Promise.all([
      playQdrant(options.target === 'kubernetes' ? { host: nextHost(), port: QDRANT_PORT } : undefined),
      startTcpRelay(world.nats.url),
      startTcpRelay(world.postgres.url),
    ]);
    const scene: Scene = {
      qdrant,
      paceMs: options.paceMs ?? 60,
      onMoment: async (moment, identity) => stage.#at(moment, identity),
      started: [],
      said: [],
      filled: new Map(),
    };
    const stage = new Stage(world, namespace, options, { scene, nats, postgres });
    world.cluster.scenes.set(namespace, scene);
    await world.query(`create database ${stage.#database}`);
    for (const name of [namespace, stage.home]) {
      await world.kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    stage.#takeRights = await world.rights.give(world.kube, stage.home);
    await world.kube.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: natsSecret(stage.home), namespace: stage.home },
      type: 'Opaque',
      stringData: busKeysToSecret(world.keys),
    });
    return stage;
  }

  /** The operator's own namespace. */
  get home(): string {
    return `${this.namespace}-system`;
  }

  /** Does something at a moment, the first time it comes; the load generator goes on when that has been done. */
  when(moment: Moment, act: (identity: PodIdentity) => Promise<void>): void {
    this.#plans.set(moment, act);
  }

  /** Waits until a moment has come. */
  async reached(moment: Moment, seconds = 60): Promise<void> {
    await this.until(`the moment "${moment}"`, () => this.#reached.includes(moment), seconds);
  }

  /** Another operator of this installation, as its pod has it. */
  async startOperator(env: Readonly<Record<string, string>> = {}): Promise<Operator> {
    const number = this.operators.length + 1;
    const name = `operator-${number}`;
    const api = await ApiProxy.start(this.world.upstream, this.world.rights.userOf(this.home));
    const kubeconfig = join(this.folder, `${name}.kubeconfig`);
    writeFileSync(kubeconfig, kubeconfigOf(api.url));
    const process = await OperatorProcess.start(
      name,
      { ...this.#environment(name, kubeconfig), ...env },
      join(this.folder, `${name}.log`),
    );
    if (this.#deaths && env['QDRANT_BENCH_FAULT']) process.expectEnd();
    const operator = { process, api };
    this.operators.push(operator);
    return operator;
  }

  /** Starts an operator, and another one whenever it has ended, as its Deployment would; the n-th with `env(n)`. */
  async keepOperator(env: (start: number) => Readonly<Record<string, string>>): Promise<void> {
    let kept = await this.startOperator(env(1));
    const keep = async (): Promise<void> => {
      for (let starts = 2; starts <= MAX_STARTS; starts += 1) {
        await kept.process.ended;
        if (this.#ending) return;
        kept = await this.startOperator(env(starts));
      }
    };
    this.#keepers.push(keep());
  }

  /** Operators that kill themselves do what they were started for. */
  expectDeaths(): void {
    this.#deaths = true;
  }

  /** Ends the operators in order and keeps them no longer. */
  async stopOperators(): Promise<void> {
    this.#ending = true;
    await Promise.all(
      this.operators.map(async ({ process }) => {
        process.thaw();
        if (!process.exit) await process.stop();
      }),
    );
    await Promise.all(this.#keepers);
  }

  /** Keeps something away for a while. */
  async away(ms: number, goes: () => Promise<void> | void, comes: () => Promise<void> | void): Promise<void> {
    const began = Date.now();
    await goes();
    await sleep(ms);
    await comes();
    this.awayMs += Date.now() - began;
  }

  /** The operator that leads, as far as the operators themselves know. */
  async leader(seconds = 60): Promise<Operator> {
    let found: Operator | undefined;
    await this.until(
      'a leader',
      () => {
        const leads = ({ process }: Operator): boolean =>
          !process.exit && process.lines.some(({ msg }) => msg === 'this process leads');
        found = this.operators.findLast(leads);
        return found !== undefined;
      },
      seconds,
    );
    return found as Operator;
  }

  /** The operator that was started last. */
  get operator(): Operator {
    const last = this.operators.at(-1);
    if (!last) throw new Error('no operator was started');
    return last;
  }

  create(changes: object = {}): Promise<KubeObject> {
    const target =
      this.#options.target === 'kubernetes' ? { kubernetes: {} } : { external: { url: this.scene.qdrant.url } };
    const { apiVersion, kind } = SWEEP_KIND;
    return this.world.kube.create({
      apiVersion,
      kind,
      metadata: { name: SWEEP, namespace: this.namespace },
      spec: { target, ...SPEC, ...this.#options.spec, ...changes },
    });
  }

  /** A merge patch of its spec. */
  async edit(spec: object): Promise<void> {
    await this.world.kube.mergePatch(this.#sweep, { spec });
  }

  async delete(options: DeleteOptions = {}): Promise<void> {
    await this.world.kube.delete(this.#sweep, options);
  }

  sweep(): Promise<KubeObject | undefined> {
    return this.world.kube.get(this.#sweep);
  }

  /** Its status, if that is of the spec as it is now. */
  async status(): Promise<SweepStatus | undefined> {
    const sweep = await this.sweep();
    const status = sweep?.['status'] as SweepStatus | undefined;
    return status?.observedGeneration === sweep?.metadata.generation ? status : undefined;
  }

  /** Waits until the sweep's status, for its present spec, says `phase`. */
  async untilPhase(phase: SweepStatus['phase'], seconds: number): Promise<void> {
    await this.until(`phase ${phase}`, async () => (await this.status())?.phase === phase, seconds);
  }

  async until(what: string, ready: () => boolean | Promise<boolean>, seconds: number): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    while (!(await ready())) {
      this.world.signal.throwIfAborted();
      if (Date.now() > deadline) throw new NotInTime(`${what}: not within ${seconds} s`);
      await sleep(50);
    }
  }

  /** Everything that was made for the sweep and is there now. */
  objects(): KubeObject[] {
    return this.world.cluster.watched
      .all()
      .filter(({ kind, metadata }) => metadata.namespace === this.namespace && kind !== SWEEP_KIND.kind)
      .filter(({ metadata }) => metadata.labels?.[LABELS.managedBy] === MANAGER);
  }

  async snapshot(): Promise<Snapshot> {
    const { collections, made } = this.scene.qdrant;
    return {
      sweep: await this.sweep(),
      objects: this.objects(),
      collections: [...collections],
      collectionsMade: [...made],
      record: await readRecord(this.#databaseUrl(this.world.postgres.url), this.namespace, SWEEP),
      bus: await lookAtBus(this.world.nats.url, this.world.keys.operatorCreds, this.namespace),
      started: [...this.scene.started],
      said: [...this.scene.said],
      exits: this.operators.flatMap(({ process }) => (process.exit ? [process.exit] : [])),
    };
  }

  /** Ends the operators, and takes away everything but their logs. */
  async clear(): Promise<void> {
    this.#ending = true;
    for (const { process, api } of this.operators) {
      process.thaw();
      if (!process.exit) await process.kill();
      await api.stop();
    }
    this.world.cluster.scenes.delete(this.namespace);
    const sweep = await this.sweep();
    // Nobody is left to take it off.
    if (sweep?.metadata.finalizers) await this.world.kube.mergePatch(this.#sweep, { metadata: { finalizers: null } });
    for (const name of [this.namespace, this.home]) await this.world.kube.delete({ ...KINDS.Namespace, name });
    await this.#takeRights();
    await Promise.all([this.nats.stop(), this.postgres.stop(), this.scene.qdrant.close()]);
    await this.world.query(`drop database if exists ${this.#database} with (force)`);
  }

  get #sweep() {
    return { ...SWEEP_KIND, namespace: this.namespace, name: SWEEP };
  }

  #databaseUrl(server: string): string {
    const url = new URL(server);
    const { username, password } = new URL(this.world.postgres.url);
    Object.assign(url, { username, password, pathname: `/${this.#database}` });
    return url.href;
  }

  async #at(moment: Moment, identity: PodIdentity): Promise<void> {
    const plan = this.#plans.get(moment);
    this.#plans.delete(moment);
    await plan?.(identity);
    if (!this.#reached.includes(moment)) this.#reached.push(moment);
  }

  #environment(name: string, kubeconfig: string): Record<string, string> {
    return {
      ...operatorEnvironment({
        name,
        home: this.home,
        kubeconfig,
        databaseUrl: this.#databaseUrl(this.postgres.url),
        natsUrl: this.nats.url,
        natsSecret: natsSecret(this.home),
      }),
      QDRANT_BENCH_WATCH_NAMESPACES: this.namespace,
      QDRANT_BENCH_LOG_LEVEL: 'debug',
      ...(this.#options.target === 'kubernetes'
        ? { NODE_OPTIONS: preload('cluster/cluster-dns.ts'), FAULTS_SERVICES: new URL(this.scene.qdrant.url).hostname }
        : {}),
      ...(this.#options.quickLease ? QUICK_LEASE : {}),
    };
  }
}

const QUICK_LEASE = {
  QDRANT_BENCH_LEASE_DURATION_SECONDS: '3',
  QDRANT_BENCH_LEASE_RENEW_SECONDS: '2',
  QDRANT_BENCH_LEASE_RETRY_SECONDS: '1',
};

/** The port of a sweep's own Qdrant's Service. */
const QDRANT_PORT = 6333;
let hosts = 0;

/** Another address of this machine's own, so that every Qdrant can have the port its Service names. */
function nextHost(): string {
  hosts += 1;
  return `127.88.${Math.floor(hosts / 250) % 250}.${(hosts % 250) + 1}`;
}

/** Something a scenario waits for has not come. */
export class NotInTime extends Error {
  override readonly name = 'NotInTime';
}

/** Has Node load a file of ours before the operator. */
export const preload = (file: string): string => `--import=${fileURLToPath(new URL(file, import.meta.url))}`;

/** As the chart names it. */
const natsSecret = (home: string): string => `${home}-nats-auth`;
/** An operator that has ended so often will go on doing so. */
const MAX_STARTS = 20;
