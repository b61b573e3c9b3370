import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, type EngineOptions, startEngine } from '../engine.ts';
import type { Json } from './json-text.ts';

export type Answer = { status: number; contentType: string | null; body: Json };

/** A running server of a test, in a folder of its own. */
export type TestEngine = {
  engine: Engine;
  dataDir: string;
  /** Sends `body` as JSON, or as it is when it is a string. */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** `call` that expects 200 and unwraps `result`. */
  result(method: string, path: string, body?: unknown): Promise<Json>;
  /** Waits until `GET /collections/{name}` says green. */
  green(name: string): Promise<void>;
  /** Starts a new process on the same data. */
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startTestEngine(options: Partial<EngineOptions> = {}): Promise<TestEngine> {
  const dataDir = await mkdtemp(join(tmpdir(), 'qdrant-test-'));
  const binary = process.env['QDRANT_BIN'];
  const start = (): Promise<Engine> => startEngine({ binary, dataDir, ...options });
  const test: TestEngine = {
    engine: await start(),
    dataDir,
    async call(method, path, body) {
      const response = await fetch(`${test.engine.url}${path}`, {
        method,
        headers: {
          'content-type': 'application/json',
          ...(options.apiKey === undefined ? {} : { 'api-key': options.apiKey }),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const contentType = response.headers.get('content-type');
      const text = await response.text();
      const isJson = contentType?.startsWith('application/json') === true;
      return { status: response.status, contentType, body: isJson ? (JSON.parse(text) as Json) : text };
    },
    async result(method, path, body) {
      const answer = await test.call(method, path, body);
      if (answer.status !== 200 || typeof answer.body !== 'object' || answer.body === null) {
        throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
      return (answer.body as { result: Json }).result;
    },
    async green(name) {
      for (;;) {
        const info = (await test.result('GET', `/collections/${name}`)) as { status: string };
        if (info.status === 'green') return;
        if (info.status === 'red') throw new Error(`collection ${name} is red: ${JSON.stringify(info)}`);
        await sleep(20);
      }
    },
    async restart() {
      test.engine = await start();
    },
    async [Symbol.asyncDispose]() {
      await test.engine.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return test;
}
