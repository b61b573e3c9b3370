import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { QueryClient } from '../../loadgen/load/client.ts';
import { runClosedLoop } from '../../loadgen/load/closed-loop.ts';
import { runWindow, type Sender } from '../../loadgen/load/open-loop.ts';
import { windowArrivals } from '../../loadgen/load/schedule.ts';
import { ANYWHERE } from '../../loadgen/net/address-rules.ts';
import { percentileOf, responsesAroundPauses, sojournPercentile, type Pause } from './expected.ts';
import type { SlowServer } from './slow-server.ts';

/** What one scenario showed. Times in ms. */
export interface HonestyFigure {
  scenario: string;
  percentile: number;
  /** What is true, and by what: the queue's own clock, or the schedule and the pauses that the server noted. */
  expected: number;
  by: 'the queue’s own clock' | 'schedule and pauses';
  /** M/M/1, for want of noise: with so few requests even the queue's own clock is some per cent off. */
  theory?: number;
  /** Response time as we report it, and how far it is from `expected`: ours ÷ expected. */
  ours: number;
  ratio: number;
  /** What a closed loop says of the same server: ten connections, each waiting for its answer. */
  closedLoop: number;
}

interface Scenario {
  name: string;
  server: SlowServer;
  /** Requests a second. */
  rate: number;
  seconds: number;
  leadSeconds: number;
}

const SERVICE_MS = 5;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'stands still once, for 500 ms',
    server: { kind: 'Pauses', pauseMs: 500, everyMs: 1000, firstMs: 6000, times: 1 },
    rate: 400,
    seconds: 12,
    leadSeconds: 2,
  },
  {
    name: 'stands still for 20 ms every second',
    server: { kind: 'Pauses', pauseMs: 20, everyMs: 1000, firstMs: 500, times: 60 },
    rate: 400,
    seconds: 22,
    leadSeconds: 2,
  },
  ...[0.5, 0.75].map((utilisation) => ({
    name: `one place, ${utilisation * 100} % busy`,
    server: { kind: 'Queue', serviceMs: SERVICE_MS, seed: 11 } as const,
    rate: (utilisation * 1000) / SERVICE_MS,
    seconds: 42,
    leadSeconds: 2,
  })),
];

const PERCENTILES = [50, 95, 99];
const CONNECTIONS = 10;
const SEED = 1;
const BODY = Buffer.from('{"query":[1],"limit":1}');

/** Response times of servers whose true ones are known: ours, and what a closed loop makes of them. */
export async function benchHonesty(
  say: (line: string) => void,
  scenarios: readonly Scenario[] = SCENARIOS,
): Promise<HonestyFigure[]> {
  const figures: HonestyFigure[] = [];
  for (const scenario of scenarios) {
    const open = await measureOpen(scenario);
    const closedLoop = await measureClosed(scenario);
    for (const percentile of PERCENTILES) {
      const expected = percentileOf(open.expected, percentile);
      const ours = open.reported(percentile);
      const { server, rate } = scenario;
      const figure: HonestyFigure = {
        scenario: scenario.name,
        percentile,
        expected: digits(expected),
        by: server.kind === 'Queue' ? 'the queue’s own clock' : 'schedule and pauses',
        ...(server.kind === 'Queue' ? { theory: digits(sojournPercentile(percentile, rate, server.serviceMs)) } : {}),
        ours: digits(ours),
        ratio: Number((ours / expected).toFixed(3)),
        closedLoop: digits(closedLoop(percentile)),
      };
      figures.push(figure);
      say(
        `${figure.scenario.padEnd(36)} p${percentile}  true ${figure.expected} ms  ours ${figure.ours} ms (×${figure.ratio})` +
          `  closed loop ${figure.closedLoop} ms`,
      );
    }
  }
  return figures;
}

async function measureOpen(scenario: Scenario) {
  const { rate, seconds, leadSeconds, server } = scenario;
  const running = await start(server);
  const client = newClient(running.url);
  try {
    const serviceMs = server.kind === 'Queue' ? 0 : await unloaded(client);
    const before = (await clock(running.url, 0)).sojourns.length;
    const arrivals = windowArrivals(rate, seconds, SEED);
    const lead = arrivals.findIndex((at) => at >= leadSeconds);
    let firstSent: number | undefined;
    const sender: Sender = {
      send(body, tag, onEnd) {
        firstSent ??= performance.timeOrigin + performance.now();
        client.send(body, tag, onEnd);
      },
    };
    const measured = await runWindow({
      sender,
      bodies: [BODY],
      order: Uint32Array.of(0),
      orderStart: 0,
      arrivals,
      rate,
      leadSeconds,
      seconds,
      maxInFlight: 1024,
      limit: 1,
      maxBacklog: 1e6,
      latency: [],
      drainSeconds: 5,
    });
    if (measured.errorCount > 0) throw new Error(`${scenario.name}: ${measured.errorCount} requests failed`);
    const { sojourns, pauses } = await clock(running.url, before + lead);
    const begin = (firstSent as number) - (arrivals[0] as number) * 1000;
    const expected =
      server.kind === 'Queue'
        ? sojourns
        : responsesAroundPauses(
            arrivals.subarray(lead).map((at) => begin + at * 1000),
            pauses,
            serviceMs,
          );
    return { expected, reported: (percentile: number) => measured.response.percentile(percentile) };
  } finally {
    await client.close();
    await running.stop();
  }
}

/** As many requests as the open loop made, from ten clients that each wait for their answer. */
async function measureClosed({ server, rate, seconds }: Scenario): Promise<(percentile: number) => number> {
  const running = await start(server);
  const client = newClient(running.url);
  try {
    // A fast server answers a closed loop at a far higher rate: it needs as long, not as many.
    const queries = new Uint8Array(server.kind === 'Queue' ? rate * seconds : 1_000_000);
    const { service } = await runClosedLoop({
      sender: client,
      bodies: [BODY],
      queries,
      concurrency: CONNECTIONS,
      maxSeconds: seconds,
    });
    return (percentile) => service.percentile(percentile);
  } finally {
    await client.close();
    await running.stop();
  }
}

/** Median time of an answer when nothing else is asked, ms. */
async function unloaded(client: QueryClient): Promise<number> {
  const { service } = await runClosedLoop({
    sender: client,
    bodies: [BODY],
    queries: new Uint8Array(200),
    concurrency: 1,
    maxSeconds: 5,
  });
  return service.percentile(50);
}

function newClient(url: string): QueryClient {
  return new QueryClient(
    { url, collection: 'slow' },
    { limit: 1, connections: 1024, timeoutMilliseconds: 10_000, rules: ANYWHERE },
  );
}

async function clock(url: string, skip: number): Promise<{ sojourns: number[]; pauses: Pause[] }> {
  return (await (await fetch(`${url}/clock?skip=${skip}`)).json()) as { sojourns: number[]; pauses: Pause[] };
}

async function start(server: SlowServer): Promise<{ url: string; stop: () => Promise<void> }> {
  const child: ChildProcess = spawn(
    process.execPath,
    [join(import.meta.dirname, 'slow-server.ts'), JSON.stringify(server)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const [port] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return {
    url: `http://127.0.0.1:${port.toString().trim()}`,
    stop: async () => {
      child.stdin?.end();
      await once(child, 'exit');
    },
  };
}

const digits = (value: number): number => Number(value.toPrecision(4));
