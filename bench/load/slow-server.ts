import { createServer, type ServerResponse } from 'node:http';
import { Random } from '../../loadgen/random.ts';

/**
 * A server that is slow in a way one can compute, for `npm run bench -- load`. Prints its port; argument: a SlowServer as
 * JSON. `GET /clock?skip=N` tells what its own clock saw, without the first N requests:
 * `{ sojourns: ms[], pauses: [from, to][] }`, the pauses in ms since the Unix epoch.
 */
export type SlowServer =
  /** One place, exponential service times, first come first served: M/M/1 under Poisson arrivals. */
  | { kind: 'Queue'; serviceMs: number; seed: number }
  /** Answers at once, but stands still (the whole process, as in a garbage collection) for `pauseMs`. */
  | { kind: 'Pauses'; pauseMs: number; everyMs: number; firstMs: number; times: number };

const BODY = Buffer.from(
  JSON.stringify({ result: { points: [{ id: 0, version: 0, score: 1 }] }, status: 'ok', time: 0 }),
);
const HEADERS = { 'content-type': 'application/json', 'content-length': BODY.length };
/** Timers are this coarse; what is due sooner is polled for. ms. */
const TIMER_GRAIN = 1.5;

const server = JSON.parse(process.argv[2] as string) as SlowServer;
const sojourns: number[] = [];
const pauses: [number, number][] = [];
const waiting: { due: number; arrived: number; response: ServerResponse }[] = [];
let polling = false;
let freeAt = 0;
let pausing = false;
const random = server.kind === 'Queue' ? new Random(server.seed) : undefined;

function answer(arrived: number, response: ServerResponse): void {
  sojourns.push(performance.now() - arrived);
  response.writeHead(200, HEADERS).end(BODY);
}

/** Answers what is due, in order, and comes back for the next. */
function poll(): void {
  polling = false;
  while (waiting[0] !== undefined && waiting[0].due <= performance.now()) {
    const { arrived, response } = waiting.shift() as (typeof waiting)[number];
    answer(arrived, response);
  }
  const next = waiting[0];
  if (next === undefined) return;
  polling = true;
  const left = next.due - performance.now();
  if (left > TIMER_GRAIN) setTimeout(poll, left - TIMER_GRAIN);
  else setImmediate(poll);
}

function pause(pauseMs: number, everyMs: number, left: number): void {
  const from = performance.timeOrigin + performance.now();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  pauses.push([from, performance.timeOrigin + performance.now()]);
  if (left > 1) setTimeout(pause, everyMs - pauseMs, pauseMs, everyMs, left - 1);
}

const http = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://server');
  if (url.pathname === '/clock') {
    const skip = Number(url.searchParams.get('skip') ?? 0);
    response.end(JSON.stringify({ sojourns: sojourns.slice(skip), pauses }));
    return;
  }
  const arrived = performance.now();
  request.resume().once('end', () => {
    if (server.kind === 'Pauses') {
      if (!pausing) setTimeout(pause, server.firstMs, server.pauseMs, server.everyMs, server.times);
      pausing = true;
      answer(arrived, response);
      return;
    }
    freeAt = Math.max(arrived, freeAt) - Math.log((random as Random).uniform()) * server.serviceMs;
    waiting.push({ due: freeAt, arrived, response });
    if (!polling) poll();
  });
});
http.keepAliveTimeout = 60_000;
http.listen(0, '127.0.0.1', () => {
  const address = http.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
// Ends with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume();
