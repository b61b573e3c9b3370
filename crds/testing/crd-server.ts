// oxlint-disable no-restricted-imports -- for tests: a real API server with our kinds on it
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { run } from '../../charts/testing/run.ts';
import { startApiServer, type TestApiServer } from '../../dev/cluster/testing/api-server.ts';
import { ensureGoTools } from '../../dev/go/tools.ts';
import { API_VERSION, type Kind } from '../common/resource.ts';
import { crdName, KINDS } from '../kinds.ts';

const CRDS = join(import.meta.dirname, '..');
const onProgress = (line: string) => process.stderr.write(`  ${line}\n`);

/** What the API server answered: HTTP status, and what it says is wrong (empty when nothing is). */
export interface Answer {
  status: number;
  message: string;
}

/** A real API server on which the generated CustomResourceDefinitions are installed. */
export class CrdServer {
  readonly #server: TestApiServer;
  readonly #kubectl: string;
  readonly #config: KubeConfig;

  private constructor(server: TestApiServer, kubectl: string) {
    this.#server = server;
    this.#kubectl = kubectl;
    this.#config = new KubeConfig();
    this.#config.loadFromFile(server.kubeconfig);
  }

  static async start(): Promise<CrdServer> {
    const { kubectl } = await ensureGoTools(['kubectl'], { onProgress });
    const server = new CrdServer(await startApiServer({ onProgress }), kubectl);
    for (const kind of KINDS) {
      await server.kubectl(['apply', '--server-side', '-f', join(CRDS, `${crdName(kind)}.yaml`)]);
    }
    for (const kind of KINDS) {
      await server.kubectl(['wait', '--for=condition=Established', '--timeout=60s', `crd/${crdName(kind)}`]);
      // Established is said a moment before the server serves the kind, and its documentation, everywhere.
      for (let tries = 0; tries < 100; tries += 1) {
        if ((await server.kubectl(['explain', kind.plural], { fails: true })).code === 0) break;
        await sleep(200);
      }
    }
    return server;
  }

  get kubeconfig(): string {
    return this.#server.kubeconfig;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** Runs kubectl against the server; a failure that is not expected throws with what it said. */
  async kubectl(args: readonly string[], { input = '', fails = false }: { input?: string; fails?: boolean } = {}) {
    // Its own cache folder: kubectl keeps a server's discovery for hours, by its address.
    const own = ['--kubeconfig', this.#server.kubeconfig, '--cache-dir', join(this.#server.dir, 'kubectl-cache')];
    const result = await run(this.#kubectl, [...own, ...args], input);
    if (result.code !== 0 && !fails) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
    return result;
  }

  /** Asks whether an object could be created, unknown fields refused; nothing is stored. `body` is JSON. */
  async wouldCreate({ plural }: Kind, body: string): Promise<Answer> {
    const cluster = this.#config.getCurrentCluster();
    if (!cluster) throw new Error('the kubeconfig names no cluster');
    const path = `/apis/${API_VERSION}/namespaces/default/${plural}?dryRun=All&fieldValidation=Strict`;
    const options = { method: 'POST', headers: { 'content-type': 'application/json' } };
    await this.#config.applyToHTTPSOptions(options);
    return new Promise((resolve, reject) => {
      const call = request(`${cluster.server}${path}`, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          const { message = '' } = JSON.parse(Buffer.concat(chunks).toString()) as { message?: string };
          resolve({ status, message: status < 300 ? '' : message });
        });
        response.on('error', reject);
      });
      call.on('error', reject);
      call.end(body);
    });
  }
}
