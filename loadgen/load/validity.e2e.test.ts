import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { startScript, startStubProcess } from '../testing/fixtures.ts';
import type { Outcome } from './saturation.ts';

interface ProbeReport {
  outcome: Outcome;
  lastLimit?: string;
  recall?: number;
  serverCpu?: number;
  peakMemory?: number;
  p50?: number;
}

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const canPin = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;
const [serverCore, clientCore] = ['0', '1'];
/** Tests share the machine with others: where allowed, the load generator goes first. */
const first = spawnSync('nice', ['-n', '-10', 'true']).stderr.length === 0 ? ['nice', '-n', '-10'] : [];

async function stub(behaviour: { serviceMs: number; workers?: number }, wrapper: readonly string[] = []) {
  const points = Array.from({ length: 10 }, (_, i) => [i]);
  const server = await startStubProcess({ workers: 1, ...behaviour }, points, wrapper);
  stops.push(server.stop);
  return server;
}

async function probe(options: Record<string, unknown>, wrapper: readonly string[]): Promise<ProbeReport> {
  const { line, stop } = await startScript('load-probe.ts', [JSON.stringify(options)], wrapper);
  await stop();
  return JSON.parse(line) as ProbeReport;
}

function burnCore(core: string): void {
  const child = spawn('taskset', ['-c', core, process.execPath, '-e', 'for(;;);'], { stdio: 'ignore' });
  stops.push(() => void child.kill('SIGKILL'));
}

describe('who was the limit', () => {
  it('is the server, when it is slow: the load generator is not blamed, and the knee is found', async () => {
    // Two places of 5 ms: 400/s at the very most, less the timer's own delay.
    const server = await stub({ serviceMs: 5, workers: 2 });
    let report: ProbeReport | undefined;
    // Only a machine that is really overrun starves the load generator here; then the verdict is true, and no test of this.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      report = await probe({ url: server.url, startRate: 200, serverPid: server.pid, unloadedService: 5 }, first);
      if (report.outcome.kind !== 'ClientLimited') break;
    }
    if (report?.outcome.kind !== 'Found') throw new Error(JSON.stringify(report));
    expect(report.outcome.low).toBeLessThan(400);
    expect(report.outcome.low).toBeGreaterThan(200);
    expect(report.recall).toBe(1);
    expect(report.serverCpu).toBeGreaterThan(0);
    expect(report.peakMemory).toBeGreaterThan(10_000_000);
    expect(report.p50).toBeGreaterThan(4);
  });

  it.skipIf(!canPin)('is the load generator, when it is starved of CPU', async () => {
    const server = await stub({ serviceMs: 0 }, ['taskset', '-c', serverCore as string]);
    for (let i = 0; i < 4; i += 1) burnCore(clientCore as string);
    const report = await probe({ url: server.url, startRate: 1500 }, ['taskset', '-c', clientCore as string]);
    expect(report.outcome.kind).toBe('ClientLimited');
    expect(report.lastLimit).toMatch(/CPU|late/);
  });

  it('is the load generator, when something else keeps its event loop busy', async () => {
    const server = await stub({ serviceMs: 0 });
    const report = await probe({ url: server.url, startRate: 1500, burnMs: 9.5 }, first);
    expect(report.outcome.kind).toBe('ClientLimited');
    expect(report.lastLimit).toMatch(/busy|late/);
  });
});
