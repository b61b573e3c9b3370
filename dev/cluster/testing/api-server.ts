import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureGoTools } from '../../go/tools.ts';
import { ensureDebianParts, etcdPackages, findProgram } from '../debian.ts';
import { writeKubeconfig } from '../kubeconfig.ts';
import { apiServerArgs, authorityName, writeApiServerFiles } from '../parts/kube-apiserver.ts';
import { etcdArgs } from '../parts/etcd.ts';
import { createAuthority } from '../pki.ts';
import { probeHttp } from '../probe.ts';
import { lastWords } from '../process.ts';

export type TestApiServer = {
  /** Path of a kubeconfig whose user may do everything. */
  kubeconfig: string;
  /** As `https://127.0.0.1:34567`. */
  url: string;
  /** Path of the audit log: one JSON event a line, level Metadata. */
  auditLog: string;
  /** The folder of everything, logs included, which `stop` removes. */
  dir: string;
  /** Ends both processes, waits for their end and removes their folder; may be called twice. */
  stop(): Promise<void>;
};

export type TestApiServerOptions = {
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
  /** How long the two may take to serve, in milliseconds. */
  startMs?: number;
};

const host = '127.0.0.1';

/**
 * Starts an etcd and a kube-apiserver alone on loopback: a real API (CRDs, validation, server-side apply, watches,
 * RBAC) without controllers, nodes or pods. The first call may build kube-apiserver, which takes minutes. Both end with
 * this process, even when it is killed. `QDRANT_BENCH_KUBE_APISERVER` names the binary of another version. Throws `ToolsUnavailable`, `PackagesUnavailable`, or an error that holds the
 * last words of the part that failed.
 */
export async function startApiServer(options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const { onProgress, signal, startMs = 60_000 } = options;
  const binary =
    process.env['QDRANT_BENCH_KUBE_APISERVER'] ??
    (await ensureGoTools(['kube-apiserver'], { onProgress, signal }))['kube-apiserver'];
  const debian = await ensureDebianParts(etcdPackages, { onProgress, signal });
  const etcd = await debian.program('etcd');
  if (etcd === undefined) throw new Error('etcd was found a moment ago and is gone');
  const tether = await findProgram('setpriv');

  const dir = await mkdtemp(join(tmpdir(), 'api-server-'));
  const children: { name: string; child: ChildProcess }[] = [];
  const start = async (name: string, command: string, args: readonly string[]): Promise<void> => {
    const log = await open(join(dir, `${name}.log`), 'a');
    try {
      const tethered = tether === undefined ? [] : [tether, '--pdeathsig', 'KILL', '--'];
      const [first = command, ...rest] = [...tethered, command, ...args];
      const child = spawn(first, rest, { stdio: ['ignore', log.fd, log.fd], env: { PATH: process.env['PATH'] } });
      await once(child, 'spawn');
      children.push({ name, child });
    } finally {
      await log.close();
    }
  };
  const stop = async (): Promise<void> => {
    // The API server first: without its store it would complain to nobody for a while.
    for (const { child } of children.toReversed()) await endChild(child);
    await rm(dir, { recursive: true, force: true });
  };

  try {
    const [clientPort, peerPort, port] = await freePorts();
    const authority = createAuthority(authorityName);
    const pki = join(dir, 'pki');
    await mkdir(pki, { mode: 0o700 });
    await writeApiServerFiles(pki, authority, [host, 'localhost', 'kubernetes.default.svc']);
    const url = `https://${host}:${port}`;
    const kubeconfig = join(dir, 'kubeconfig');
    const organizations = ['system:masters'];
    const admin = await writeKubeconfig(kubeconfig, { url, authority, commonName: 'admin', organizations });
    const auditLog = join(dir, 'audit.log');

    await start('etcd', etcd, etcdArgs({ dataDir: join(dir, 'etcd'), host, clientPort, peerPort }));
    await start(
      'kube-apiserver',
      binary,
      apiServerArgs({
        dir: pki,
        etcd: `http://${host}:${clientPort}`,
        host,
        port,
        auditLog,
        serviceRange: '198.19.254.0/24',
        wholeCluster: false,
      }),
    );
    const deadline = Date.now() + startMs;
    for (;;) {
      signal?.throwIfAborted();
      if ((await probeHttp(`${url}/readyz`, { ca: authority.cert, ...admin })) === 200) break;
      const ended = children.find(({ child }) => child.exitCode !== null || child.signalCode !== null);
      if (ended !== undefined || Date.now() > deadline) {
        const { name } = ended ?? { name: 'kube-apiserver' };
        const why = ended === undefined ? `is not ready after ${startMs} ms` : 'ended';
        throw new Error(`${name} ${why}:\n${await lastWords(join(dir, `${name}.log`))}`);
      }
      await sleep(50);
    }
    return { kubeconfig, url, auditLog, dir, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(killer);
}

/** Three ports nobody listens on now, all different. Another process may take one before it is used. */
async function freePorts(): Promise<[number, number, number]> {
  const probes: Server[] = [];
  for (let i = 0; i < 3; i += 1) {
    const probe = createServer().listen(0, host);
    await once(probe, 'listening');
    probes.push(probe);
  }
  const ports = probes.map((probe) => {
    const address = probe.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  for (const probe of probes) {
    probe.close();
    await once(probe, 'close');
  }
  return [ports[0] ?? 0, ports[1] ?? 0, ports[2] ?? 0];
}
