import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { autocannonFolder, pythonWith, wrkCommand, type Peer } from './install.ts';

/** A tool that runs as a process of its own. */
export interface ExternalPeer {
  name: string;
  /** Whether it hands over the ids of the hits. */
  parses: boolean;
  /** CPU µs a query over so many queries, and its version. */
  measure: (requests: number) => Promise<{ micros: number; version: string }>;
}

export interface Fixture {
  url: string;
  /** Of the gRPC server with the same answers. */
  grpcAddress: string | undefined;
  dimensions: number;
  k: number;
  /** The query every request makes. */
  body: Buffer;
  /** A folder for files of one run. */
  scratch: string;
  connections: number;
}

const TIMEOUT_MS = 120_000;
const exec = promisify(execFile);

/** The tools that are here or can be had, and why the others are missing. */
export async function externalPeers(fixture: Fixture): Promise<{ peers: ExternalPeer[]; missing: string[] }> {
  const { url, grpcAddress, dimensions, k, scratch, connections } = fixture;
  const missing: string[] = [];
  const peers: ExternalPeer[] = [];
  const bodyFile = join(scratch, 'body.json');
  writeFileSync(bodyFile, fixture.body);
  const target = `${url}/collections/bench/points/query`;
  const address = new URL(url).host;

  const offer = <T>(
    name: string,
    parses: boolean,
    peer: Peer<T>,
    measure: (found: T, n: number) => Promise<string>,
  ) => {
    if ('missing' in peer) {
      missing.push(`${name}: ${peer.missing}`);
      return;
    }
    peers.push({
      name,
      parses,
      measure: async (requests) => {
        const {
          requests: made,
          cpuSeconds,
          version,
        } = JSON.parse(await measure(peer.found, requests)) as {
          requests: number;
          cpuSeconds: number;
          version: string;
        };
        return { micros: (cpuSeconds / made) * 1e6, version };
      },
    });
  };
  const output = async (program: string, args: string[]): Promise<string> =>
    (await exec(program, args, { timeout: TIMEOUT_MS })).stdout;

  offer('wrk', false, await wrkCommand(), (wrk, requests) =>
    runWrk(wrk, target, bodyFile, scratch, requests, connections),
  );
  offer('autocannon', false, await autocannonFolder(), (folder, requests) =>
    output(process.execPath, [
      join(import.meta.dirname, 'autocannon.ts'),
      folder,
      target,
      bodyFile,
      String(requests),
      String(connections),
    ]),
  );
  const python = await pythonWith('qdrant-client');
  const ask = (kind: string, at: string) => (interpreter: string, requests: number) =>
    output(interpreter, [
      join(import.meta.dirname, 'queries.py'),
      kind,
      at,
      String(dimensions),
      String(k),
      // A tenth: they need ten times as long.
      String(Math.ceil(requests / 10)),
    ]);
  offer('qdrant-client (Python, REST)', true, python, ask('rest', address));
  if (grpcAddress !== undefined) offer('qdrant-client (Python, gRPC)', true, python, ask('grpc', grpcAddress));
  offer('VectorDBBench qdrantlocal', true, await pythonWith('vectordb-bench'), ask('vectordbbench', address));
  return { peers, missing };
}

/** wrk counts time, not requests, and tells nothing of its CPU: the shell does. */
async function runWrk(
  { program, libraries }: { program: string; libraries: string },
  target: string,
  bodyFile: string,
  scratch: string,
  requests: number,
  connections: number,
): Promise<string> {
  const script = join(scratch, 'post.lua');
  writeFileSync(
    script,
    `local file = io.open("${bodyFile}", "rb")\nwrk.method = "POST"\nwrk.body = file:read("*a")\nwrk.headers["Content-Type"] = "application/json"\n`,
  );
  const seconds = Math.max(1, Math.round(requests / 10_000));
  const { stdout, stderr } = await exec(
    'bash',
    [
      '-c',
      'TIMEFORMAT="cpu %U %S"; time "$@"',
      'bash',
      program,
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '-s',
      script,
      target,
    ],
    { timeout: TIMEOUT_MS, env: { ...process.env, ...(libraries === '' ? {} : { LD_LIBRARY_PATH: libraries }) } },
  );
  const made = /([0-9]+) requests in/.exec(stdout)?.[1];
  const cpu = /cpu ([0-9.]+) ([0-9.]+)/.exec(stderr);
  if (made === undefined || cpu === null) throw new Error(`wrk said neither requests nor CPU: ${stdout}${stderr}`);
  const cpuSeconds = Number(cpu[1]) + Number(cpu[2]);
  return JSON.stringify({ requests: Number(made), cpuSeconds, version: '4.1.0' });
}
