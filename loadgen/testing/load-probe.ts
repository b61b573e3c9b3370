import { RecallCounter } from '../evaluate/recall.ts';
import { AnswerCounter } from '../load/answers.ts';
import { QueryClient } from '../load/client.ts';
import { loadSearch } from '../load/load-search.ts';
import { ANYWHERE } from '../net/address-rules.ts';
import { queryOrder } from '../load/schedule.ts';
import { ProcessStats } from '../load/server-stats.ts';

/** Loads the stand-in server as a process of its own, so that tests can starve it; prints how the load ended. */
const { url, startRate, burnMs, serverPid, latency, unloadedService } = JSON.parse(process.argv[2] ?? '{}') as {
  url: string;
  startRate: number;
  /** Of every 10 ms, the event loop is kept busy for so many by something else. */
  burnMs?: number;
  serverPid?: number;
  latency?: { percentile: number; max: number }[];
  unloadedService?: number;
};
if (burnMs !== undefined) {
  setInterval(() => {
    const until = performance.now() + burnMs;
    while (performance.now() < until);
  }, 10);
}
const queries = 10;
const client = new QueryClient(
  { url, collection: 'c' },
  { limit: 1, connections: 1024, timeoutMilliseconds: 10_000, rules: ANYWHERE },
);
const truth = { k: 1, ids: Int32Array.from({ length: queries }, (_, i) => i), distances: new Float64Array(queries) };
const result = await loadSearch({
  client,
  connections: 1024,
  bodies: Array.from({ length: queries }, (_, query) => Buffer.from(JSON.stringify({ query: [query], limit: 1 }))),
  order: queryOrder(queries, 1),
  limit: 1,
  answers: new AnswerCounter(
    [new RecallCounter({ meta: { distance: 'Euclid' }, truth, distance: () => Infinity }, queries, 1)],
    [1],
    Uint32Array.from({ length: queries }, (_, i) => i),
  ),
  rules: {
    recallMin: 0,
    latency: latency ?? [],
    errorRateMax: 0.001,
    windowSeconds: 1,
    windowRequests: 300,
    warmupSeconds: 0.5,
    loadedSearches: 1,
  },
  saturation: { startRate },
  seed: 1,
  ...(unloadedService === undefined ? {} : { unloadedService }),
  ...(serverPid === undefined ? {} : { stats: new ProcessStats(serverPid) }),
});
const { outcome, lastLimit, lastBreach, window, peakMemory, requests } = result;
process.stdout.write(
  `${JSON.stringify({
    outcome,
    lastLimit,
    lastBreach,
    peakMemory,
    requests,
    recall: window?.recall?.value,
    serverCpu: window?.serverCpu,
    p50: window?.measured.response.percentile(50),
    clientCpu: window && window.measured.own.workCpuSeconds / window.measured.sentInAll,
  })}\n`,
);
process.exit(0);
