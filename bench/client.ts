import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QdrantClient } from '@qdrant/js-client-rest';
import { Pool } from 'undici';
import { ANYWHERE } from '../loadgen/net/address-rules.ts';
import { QueryClient } from '../loadgen/load/client.ts';
import { externalPeers } from './peers/external.ts';
import { pythonWith } from './peers/install.ts';

/** One client: asks once with the query of that number and resolves when the answer is understood. */
interface Contender {
  name: string;
  /** Whether it hands over the ids of the hits: a raw dispatch only drops the bytes. */
  parses: boolean;
  ask: (query: number) => Promise<unknown>;
  close: () => Promise<unknown>;
}

interface Figure {
  shape: string;
  client: string;
  parses: boolean;
  /** Of a tool that runs as a process of its own. */
  version?: string;
  /** CPU µs of the client's process a query: median of the rounds, and all of them. */
  microsPerQuery: number;
  rounds: number[];
  /** Against the raw dispatch of the same shape. */
  ratioToRaw: number;
}

const SHAPES = [
  { dimensions: 100, k: 10 },
  { dimensions: 1536, k: 100 },
];
const QUERIES = 64;
const IN_FLIGHT = 16;

const PATH = '/collections/bench/points/query';
const JSON_HEADERS = { 'content-type': 'application/json' };

/** CPU µs a query of our client and of others against one server that always answers the same. */
export async function benchClient(
  say: (line: string) => void,
  { requests, rounds: count, peers: withPeers } = { requests: 3000, rounds: 3, peers: true },
): Promise<Figure[]> {
  const figures: Figure[] = [];
  const absent = new Set<string>();
  for (const { dimensions, k } of SHAPES) {
    const server = spawn(process.execPath, [join(import.meta.dirname, 'fixed-reply-server.ts'), String(k)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [port] = (await once(server.stdout, 'data')) as [Buffer];
    const url = `http://127.0.0.1:${port.toString().trim()}`;
    const shape = `${dimensions}-d, k=${k}`;
    const results = new Map<string, number[]>();
    const all = contenders(url, dimensions, k);
    for (let round = 0; round <= count; round += 1) {
      for (const contender of all) {
        const micros = await cpuPerQuery(contender, requests);
        // The first round warms up: code, connections.
        if (round > 0) results.set(contender.name, [...(results.get(contender.name) ?? []), micros]);
      }
    }
    const raw = median(results.get('undici dispatch, answer dropped') as number[]);
    const add = (name: string, parses: boolean, rounds: readonly number[], version?: string): void => {
      const figure: Figure = {
        shape,
        client: name,
        ...(version === undefined ? {} : { version }),
        parses,
        microsPerQuery: round1(median(rounds)),
        rounds: rounds.map(round1),
        ratioToRaw: Number((median(rounds) / raw).toFixed(2)),
      };
      figures.push(figure);
      say(`${shape}  ${name.padEnd(34)} ${figure.microsPerQuery.toFixed(1).padStart(7)} µs  ×${figure.ratioToRaw}`);
    };
    for (const { name, parses, close } of all) {
      add(name, parses, results.get(name) as number[]);
      await close();
    }
    if (withPeers) for (const line of await measurePeers(url, dimensions, k, requests, count, add)) absent.add(line);
    server.stdin.end();
    await once(server, 'exit');
  }
  for (const line of absent) say(`not here: ${line}`);
  return figures;
}

/** Other tools, each a process of its own. Returns which are not here, and why. */
async function measurePeers(
  url: string,
  dimensions: number,
  k: number,
  requests: number,
  rounds: number,
  add: (name: string, parses: boolean, rounds: readonly number[], version: string) => void,
): Promise<string[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'qdrant-bench-peers-'));
  const grpc = await startGrpcServer(k);
  try {
    const { peers, missing } = await externalPeers({
      url,
      grpcAddress: grpc?.address,
      dimensions,
      k,
      body: Buffer.from(JSON.stringify({ query: vectorsOf(dimensions)[0], limit: k })),
      scratch,
      connections: IN_FLIGHT,
    });
    for (const { name, parses, measure } of peers) {
      const micros: number[] = [];
      let version = '';
      for (let round = 0; round < rounds; round += 1) {
        const measured = await measure(10 * requests);
        micros.push(measured.micros);
        version = measured.version;
      }
      add(name, parses, micros, version);
    }
    return missing;
  } finally {
    grpc?.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A server that gives the same answers over gRPC, in Python, where there is one. */
async function startGrpcServer(k: number): Promise<{ address: string; stop: () => void } | undefined> {
  const python = await pythonWith('qdrant-client');
  if ('missing' in python) return undefined;
  const server = spawn(python.found, [join(import.meta.dirname, 'peers/grpc_server.py'), String(k)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [port] = (await once(server.stdout, 'data')) as [Buffer];
  return { address: `127.0.0.1:${port.toString().trim()}`, stop: () => void server.stdin.end() };
}

function vectorsOf(dimensions: number): number[][] {
  return Array.from({ length: QUERIES }, (_, row) =>
    Array.from({ length: dimensions }, (__, i) => Math.fround(Math.sin(row * 131 + i * 17))),
  );
}

function contenders(url: string, dimensions: number, k: number): Contender[] {
  const vectors = vectorsOf(dimensions);
  const bodies = vectors.map((query) => Buffer.from(JSON.stringify({ query, limit: k })));
  const body = (query: number): Buffer => bodies[query % QUERIES] as Buffer;
  const ours = new QueryClient(
    { url, collection: 'bench' },
    { limit: k, connections: IN_FLIGHT, timeoutMilliseconds: 10_000, rules: ANYWHERE },
  );
  const pool = new Pool(url, { connections: IN_FLIGHT, pipelining: 1 });
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  const official = new QdrantClient({ url, port: Number(new URL(url).port), checkCompatibility: false });
  return [
    {
      name: 'undici dispatch, answer dropped',
      parses: false,
      ask: (query) =>
        new Promise((resolve, reject) => {
          pool.dispatch(
            { path: PATH, method: 'POST', headers: JSON_HEADERS, body: body(query) },
            {
              onRequestStart() {},
              onResponseStart() {},
              onResponseData() {},
              onResponseEnd: resolve,
              onResponseError: (_, error) => reject(error),
            },
          );
        }),
      close: () => pool.close(),
    },
    {
      name: 'qdrant-bench',
      parses: true,
      ask: (query) => new Promise((resolve) => ours.send(body(query), query, resolve)),
      close: () => ours.close(),
    },
    {
      name: 'node:http, pre-encoded',
      parses: true,
      ask: (query) =>
        new Promise((resolve, reject) => {
          const sent = request(`${url}${PATH}`, { method: 'POST', agent, headers: JSON_HEADERS }, (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
          });
          sent.on('error', reject).end(body(query));
        }),
      close: () => Promise.resolve(agent.destroy()),
    },
    {
      name: 'fetch, pre-encoded',
      parses: true,
      ask: async (query) =>
        (
          await fetch(`${url}${PATH}`, { method: 'POST', headers: JSON_HEADERS, body: new Uint8Array(body(query)) })
        ).json(),
      close: () => Promise.resolve(),
    },
    {
      name: '@qdrant/js-client-rest',
      parses: true,
      ask: (query) => official.query('bench', { query: vectors[query % QUERIES] as number[], limit: k }),
      close: () => Promise.resolve(),
    },
  ];
}

async function cpuPerQuery({ ask }: Contender, requests: number): Promise<number> {
  const before = process.cpuUsage();
  let next = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next < requests) await ask((next += 1));
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

const round1 = (value: number): number => Math.round(value * 10) / 10;
