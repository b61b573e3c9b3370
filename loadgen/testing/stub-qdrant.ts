import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exactDistance, type Distance } from '../datasets/distance.ts';

/** How the stand-in behaves. All fields may be changed while it runs. */
export interface StubBehaviour {
  distance: Distance;
  /** Status by poll; the last one stays. */
  statuses: string[];
  optimizerError?: string;
  /** Absent: the endpoint answers 404, as before Qdrant 1.17. */
  optimizations?: { queued: number; running: number }[];
  updateQueue?: { length: number; deferred_points?: number }[];
  config: Record<string, unknown>;
  /** Points it pretends not to see yet, by count request. */
  hidden: number[];
  /** Answers before the real ones: status, headers, body; undefined breaks the connection. */
  faults: ((request: { method: string; path: string }) => StubFault | 'none')[];
  memory?: { disk_bytes: number };
  /** Milliseconds a query takes, and how many are worked on at once: an M/D/c server. */
  serviceMs: number;
  workers: number;
}

export interface StubFault {
  status: number;
  headers?: Record<string, string>;
  body?: string;
  /** Close the connection without an answer. */
  hangUp?: boolean;
}

export interface Stub {
  url: string;
  behaviour: StubBehaviour;
  points: Map<number, number[]>;
  payloads: Map<number, unknown>;
  /** `payload_schema` of the collection. */
  indexes: Record<string, { data_type: string; params?: Record<string, unknown> }>;
  /** Requests seen, `METHOD path`. */
  seen: string[];
  close(): Promise<void>;
}

/** A small stand-in for Qdrant's REST API with exact search, whose slowness and failures are set by the test. */
export async function startStub(given: Partial<StubBehaviour> = {}): Promise<Stub> {
  const behaviour: StubBehaviour = {
    distance: 'Euclid',
    statuses: ['green'],
    config: {},
    hidden: [],
    faults: [],
    serviceMs: 0,
    workers: Infinity,
    ...given,
  };
  const points = new Map<number, number[]>();
  const payloads = new Map<number, unknown>();
  const indexes: Stub['indexes'] = {};
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  let busy = 0;

  const serve = (work: () => void): void => {
    if (behaviour.serviceMs === 0) {
      work();
      return;
    }
    if (busy >= behaviour.workers) {
      waiting.push(() => serve(work));
      return;
    }
    busy += 1;
    setTimeout(() => {
      busy -= 1;
      work();
      waiting.shift()?.();
    }, behaviour.serviceMs);
  };

  const answer = (
    response: ServerResponse,
    status: number,
    body: string,
    headers: Record<string, string> = {},
  ): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body);
  };
  const ok = (response: ServerResponse, result: unknown): void =>
    answer(response, 200, JSON.stringify({ result, status: 'ok', time: 0.0001 }));

  const nearest = (query: number[], limit: number, only?: readonly number[]) =>
    [...points]
      .filter(([id]) => only?.includes(id) ?? true)
      .map(([id, vector]) => ({
        id,
        version: 0,
        score: exactDistance(behaviour.distance, query, 0, vector, 0, query.length),
      }))
      .sort((a, b) => a.score - b.score || a.id - b.id)
      .slice(0, limit);

  const shift = <T>(list: T[]): T | undefined => (list.length > 1 ? list.shift() : list[0]);

  const handle = (request: IncomingMessage, response: ServerResponse, text: string): void => {
    const method = request.method ?? '';
    const path = (request.url ?? '').split('?', 1)[0] as string;
    seen.push(`${method} ${request.url ?? ''}`);
    for (const fault of behaviour.faults) {
      const verdict = fault({ method, path });
      if (verdict === 'none') continue;
      if (verdict.hangUp) request.socket.destroy();
      else answer(response, verdict.status, verdict.body ?? '', verdict.headers);
      return;
    }
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    if (method === 'POST' && path.endsWith('/points/query')) {
      const filter = body.filter as { must: { has_id: number[] }[] } | undefined;
      const found = () => nearest(body.query as number[], body.limit as number, filter?.must[0]?.has_id);
      const shown = (hit: { id: number }) =>
        body.with_payload ? { ...hit, payload: payloads.get(hit.id) ?? {} } : hit;
      serve(() => ok(response, { points: found().map(shown) }));
    } else if (method === 'POST' && path.endsWith('/points/delete')) {
      for (const id of body.points as number[]) points.delete(id);
      ok(response, { operation_id: 1, status: 'completed' });
    } else if (method === 'PUT' && path.endsWith('/points')) {
      const batch = body.batch as { ids: number[]; vectors: number[][]; payloads?: unknown[] };
      batch.ids.forEach((id, i) => points.set(id, batch.vectors[i] as number[]));
      batch.ids.forEach((id, i) => batch.payloads && payloads.set(id, batch.payloads[i]));
      ok(response, { operation_id: 1, status: 'completed' });
    } else if (method === 'PUT' && path.endsWith('/index')) {
      const { field_name: name, field_schema: schema } = body as {
        field_name: string;
        field_schema: { type: string } & Record<string, unknown>;
      };
      indexes[name] = { data_type: schema.type, params: schema };
      ok(response, { operation_id: 1, status: 'completed' });
    } else if (method === 'POST' && path.endsWith('/points/count')) {
      ok(response, { count: points.size - (shift(behaviour.hidden) ?? 0) });
    } else if (path.endsWith('/optimizations')) {
      if (!behaviour.optimizations) return answer(response, 404, '');
      const { queued, running } = shift(behaviour.optimizations) ?? { queued: 0, running: 0 };
      ok(response, { summary: { queued_optimizations: queued }, running: Array.from({ length: running }, () => ({})) });
    } else if (path.endsWith('/memory')) {
      if (!behaviour.memory) return answer(response, 404, '');
      ok(response, { total: behaviour.memory });
    } else if (method === 'PATCH') {
      ok(response, true);
    } else if (method === 'GET' && /^\/collections\/[^/]+$/.test(path)) {
      ok(response, {
        status: shift(behaviour.statuses),
        optimizer_status: behaviour.optimizerError === undefined ? 'ok' : { error: behaviour.optimizerError },
        points_count: points.size,
        indexed_vectors_count: points.size,
        segments_count: 1,
        ...(behaviour.updateQueue ? { update_queue: shift(behaviour.updateQueue) } : {}),
        config: behaviour.config,
        payload_schema: indexes,
      });
    } else answer(response, 404, JSON.stringify({ status: { error: `Not found: ${path}` }, time: 0 }));
  };

  const server: Server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handle(request, response, Buffer.concat(chunks).toString('utf8')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behaviour,
    points,
    payloads,
    indexes,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
