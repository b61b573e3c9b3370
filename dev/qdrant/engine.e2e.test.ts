import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { QdrantClient } from '@qdrant/js-client-rest';
import { describe, expect, it } from 'vitest';
import { announcedUrl, EngineStartError, startEngine } from './engine.ts';
import { main } from './main.ts';
import { at, type Json } from './testing/json-text.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';
import { clusters, idsOf, recall } from './testing/vectors.ts';

/** Thresholds so low that small test data gets a graph. */
const eager = { hnsw_config: { full_scan_threshold: 1 }, optimizers_config: { indexing_threshold: 1 } };

async function upload(server: TestEngine, name: string, vectors: number[][], from = 0): Promise<void> {
  for (let start = 0; start < vectors.length; start += 500) {
    const points = vectors
      .slice(start, start + 500)
      .map((vector, i) => ({ id: from + start + i, vector, payload: { n: start + i } }));
    await server.result('PUT', `/collections/${name}/points?wait=true`, { points });
  }
}

async function search(
  server: TestEngine,
  name: string,
  vector: number[],
  params: Json = {},
  limit = 10,
): Promise<Json> {
  return server.result('POST', `/collections/${name}/points/query`, { query: vector, limit, params });
}

const status = async (server: TestEngine, name: string): Promise<Json | undefined> =>
  at(await server.result('GET', `/collections/${name}`), ['status']);

const threads = async (pid: number): Promise<string[]> => {
  const tasks = await readdir(`/proc/${pid}/task`);
  return Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/comm`, 'utf8').catch(() => '')));
};

describe('the official client', () => {
  it('works from collection to alias', async () => {
    await using server = await startTestEngine({ apiKey: 'secret' });
    const client = new QdrantClient({ url: server.engine.url, apiKey: 'secret' });
    expect((await client.versionInfo()).version).toBe('1.19.0');
    await client.createCollection('c', {
      vectors: { a: { size: 3, distance: 'Dot' }, b: { size: 2, distance: 'Euclid' } },
    });
    const points = [1, 2, 3].map((id) => ({
      id,
      vector: { a: [id, 0, 0], b: [0, id] },
      payload: { even: id % 2 === 0 },
    }));
    expect(await client.upsert('c', { wait: true, points })).toMatchObject({ status: 'completed' });
    expect((await client.upsert('c', { wait: false, points: points.slice(0, 1) })).status).toBe('acknowledged');
    const { points: hits } = await client.query('c', {
      query: [1, 0, 0],
      using: 'a',
      limit: 2,
      with_payload: true,
      with_vector: ['b'],
    });
    expect(hits).toMatchObject([{ id: 3, score: 3, vector: { b: [0, 3] }, payload: { even: false } }, { id: 2 }]);
    expect((await client.query('c', { query: 1, using: 'b', limit: 1 })).points).toMatchObject([{ id: 2, score: 1 }]);
    await client.createPayloadIndex('c', { field_name: 'even', field_schema: 'bool', wait: true });
    const even = { must: [{ key: 'even', match: { value: true } }] };
    expect(await client.count('c', { filter: even })).toEqual({ count: 1 });
    expect(await client.retrieve('c', { ids: [3, 1, 9] })).toMatchObject([{ id: 3 }, { id: 1 }]);
    expect((await client.scroll('c', { limit: 2 })).next_page_offset).toBe(3);
    await client.delete('c', { wait: true, filter: even });
    await client.updateCollection('c', { hnsw_config: { m: 8 } });
    expect((await client.getCollection('c')).config.hnsw_config.m).toBe(8);
    await client.updateCollectionAliases({ actions: [{ create_alias: { collection_name: 'c', alias_name: 'live' } }] });
    expect(await client.count('live')).toEqual({ count: 2 });
    expect((await client.getCollectionAliases('c')).aliases).toHaveLength(1);
    await client.deletePayloadIndex('c', 'even', { wait: true });
    expect((await client.getCollection('c')).payload_schema).toEqual({});
    expect(await client.deleteCollection('c')).toBe(true);
    expect(await client.getAliases()).toEqual({ aliases: [] });
  });
});

describe('a refused request', () => {
  it('says why in the form Qdrant uses', async () => {
    await using server = await startTestEngine({ apiKey: 'secret' });
    const noKey = await fetch(`${server.engine.url}/collections`);
    expect([noKey.status, await noKey.text()]).toEqual([
      401,
      'Must provide an API key or an Authorization bearer token',
    ]);
    const wrong = await fetch(`${server.engine.url}/collections`, { headers: { 'api-key': 'secres' } });
    expect([wrong.status, await wrong.text()]).toEqual([401, 'Invalid API key or JWT']);
    const bearer = await fetch(`${server.engine.url}/collections`, { headers: { authorization: 'Bearer secret' } });
    expect(bearer.status).toBe(200);
    expect((await fetch(`${server.engine.url}/readyz`)).status).toBe(200);

    await server.result('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } });
    const cases: [string, string, unknown, number, string][] = [
      ['POST', '/collections/c/points/query', { query: { text: 'x', model: 'm' } }, 400, 'is not supported'],
      ['POST', '/collections/c/points/query', { query: [1, 2], shard_key: 'k' }, 400, '`shard_key` is not supported'],
      ['POST', '/collections/c/points/query', { query: [1, 'x'] }, 400, 'expected f32'],
      ['POST', '/collections/c/points/query', { query: 'x' }, 400, 'is not a valid point ID'],
      ['POST', '/collections/c/points/query', { query: 77 }, 404, 'No point with id 77 found'],
      [
        'POST',
        '/collections/c/points/query',
        { query: [1, 2], params: { hnsw_ef: 0 } },
        422,
        'hnsw_ef: value 0 invalid',
      ],
      ['POST', '/collections/c/points/recommend', {}, 501, 'points/recommend'],
      ['PUT', '/collections/c/vectors/v', {}, 501, 'named vectors'],
      ['POST', '/collections/c/snapshots', {}, 501, 'snapshots'],
      [
        'PUT',
        '/collections/s',
        { sparse_vectors: { s: { index: { datatype: 'turbo4' } } } },
        422,
        'sparse_vectors.s.index.datatype',
      ],
      [
        'PUT',
        '/collections/s',
        { vectors: { size: 2, distance: 'Dot' }, optimizers_config: { default_segment_number: 4 } },
        400,
        'default_segment_number 4',
      ],
      ['PUT', '/collections/s', { vectors: { size: 2, distance: 'Dot' }, shard_number: 2 }, 400, 'shard_number 2'],
      [
        'PUT',
        '/collections/c/points',
        {
          points: [
            { id: 1, vector: [1, 2] },
            { id: 2, vector: [1] },
          ],
        },
        400,
        'expected dim: 2, got 1',
      ],
      [
        'PUT',
        '/collections/c/points',
        { batch: { ids: [1, 2], vectors: [[1, 2]] } },
        400,
        'batch.vectors has 1 entries for 2 ids',
      ],
      [
        'PUT',
        '/collections/c/points',
        { points: [{ id: 1, vector: { x: [1, 2] } }] },
        400,
        'Not existing vector name error: x',
      ],
      ['GET', '/telemetry?details_level=x', undefined, 400, 'details_level'],
      ['GET', '/collections/c/optimizations?with=x', undefined, 400, 'may name queued'],
      ['POST', '/collections/c/points/count?timeout=0', {}, 400, 'timeout'],
      ['PATCH', '/collections/c', { vectors: { x: { on_disk: true } } }, 400, 'Not existing vector name error: x'],
    ];
    for (const [method, path, body, code, text] of cases) {
      const answer = await server.call(method, path, body);
      expect([path, body, answer.status]).toEqual([path, body, code]);
      expect(at(answer.body, ['status', 'error'])).toContain(text);
    }
    // Nothing of a refused batch was stored.
    expect(await server.result('POST', '/collections/c/points/count', {})).toEqual({ count: 0 });
    const huge = await server
      .call('PUT', '/collections/c/points', `{"points":[${' '.repeat(32 * 1024 * 1024)}]}`)
      .catch(() => undefined);
    expect(huge === undefined || huge.status === 400).toBe(true);
    expect(await status(server, 'c')).toBe('green');
  });
});

describe('indexing', () => {
  it('shows yellow until everything is indexed, and searches go on meanwhile', async () => {
    await using server = await startTestEngine();
    const data = clusters(6000, 32, 7);
    await server.result('PUT', '/collections/c', {
      vectors: { size: 32, distance: 'Cosine' },
      ...eager,
      hnsw_config: { ...eager.hnsw_config, m: 24, ef_construct: 200 },
      optimizers_config: { indexing_threshold: 0 },
    });
    expect(await status(server, 'c')).toBe('green');
    await upload(server, 'c', data);
    await server.green('c');
    expect(await server.result('GET', '/collections/c')).toMatchObject({
      indexed_vectors_count: 0,
      points_count: 6000,
    });
    await server.result('PATCH', '/collections/c', { optimizers_config: eager.optimizers_config });
    expect(await status(server, 'c')).toBe('yellow');
    let during = 0;
    for (;;) {
      const running = at(await server.result('GET', '/collections/c/optimizations'), ['running']) as Json[];
      const found = idsOf(await search(server, 'c', data[during] ?? []));
      expect(found).toHaveLength(10);
      expect(found[0]).toBe(during);
      if (running.length > 0) during += 1;
      const info = await server.result('GET', '/collections/c');
      if (at(info, ['status']) === 'green') {
        expect(info).toMatchObject({ indexed_vectors_count: 6000, points_count: 6000, optimizer_status: 'ok' });
        break;
      }
    }
    expect(during).toBeGreaterThan(3);
    const after = await server.result('GET', '/collections/c/optimizations?with=completed,queued');
    expect(after).toMatchObject({
      summary: { queued_optimizations: 0 },
      running: [],
      queued: [],
      completed: [{ status: 'done' }],
    });
  });

  it('begins when an upload pauses: a graph over half of it would be built again', async () => {
    await using server = await startTestEngine();
    await server.result('PUT', '/collections/c', { vectors: { size: 32, distance: 'Cosine' }, ...eager });
    await upload(server, 'c', clusters(4000, 32, 5));
    expect(await status(server, 'c')).toBe('yellow');
    await server.green('c');
    const { completed } = (await server.result('GET', '/collections/c/optimizations?with=completed')) as {
      completed: unknown[];
    };
    expect(completed).toHaveLength(1);
  });

  it('is waited for by DELETE, so that nothing of it runs on', async () => {
    await using server = await startTestEngine();
    await server.result('PUT', '/collections/c', {
      vectors: { size: 32, distance: 'Cosine' },
      hnsw_config: { m: 32, ef_construct: 400, full_scan_threshold: 1 },
      optimizers_config: { indexing_threshold: 0 },
    });
    await upload(server, 'c', clusters(4000, 32, 3));
    await server.result('PATCH', '/collections/c', { optimizers_config: { indexing_threshold: 1 } });
    const building = /^(optimizer|hnsw-build)/;
    for (;;) {
      const names = await threads(server.engine.pid);
      if (names.some((name) => name.startsWith('hnsw-build'))) break;
      await sleep(5);
    }
    expect(await server.result('DELETE', '/collections/c')).toBe(true);
    expect((await threads(server.engine.pid)).filter((name) => building.test(name))).toEqual([]);
    expect(await readdir(join(server.dataDir, 'collections'))).toEqual([]);
    await server.result('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } });
  });

  it('makes graphs whose recall grows with hnsw_ef, up to exact search', async () => {
    await using server = await startTestEngine();
    const data = clusters(6000, 32, 5);
    await server.result('PUT', '/collections/c', {
      vectors: { size: 32, distance: 'Euclid' },
      optimizers_config: eager.optimizers_config,
      hnsw_config: { m: 4, ef_construct: 16, full_scan_threshold: 1 },
    });
    await upload(server, 'c', data);
    await server.green('c');
    const queries = clusters(100, 32, 99);
    const truth: number[][] = [];
    for (const query of queries) truth.push(idsOf(await search(server, 'c', query, { exact: true })));
    const recallAt = async (params: Json): Promise<number> => {
      const found: number[][] = [];
      for (const query of queries) found.push(idsOf(await search(server, 'c', query, params)));
      return recall(truth, found);
    };
    const [low, middle, high] = [
      await recallAt({ hnsw_ef: 10 }),
      await recallAt({ hnsw_ef: 60 }),
      await recallAt({ hnsw_ef: 1000 }),
    ];
    expect(low).toBeLessThan(0.97);
    expect(middle).toBeGreaterThan(low);
    expect(high).toBeGreaterThanOrEqual(middle);
    expect(high).toBeGreaterThan(0.95);
    expect(await recallAt({ exact: true })).toBe(1);
  });
});

describe('data', () => {
  it('survives a stop and a SIGKILL: what was acknowledged is there', async () => {
    await using server = await startTestEngine();
    await server.result('PUT', '/collections/c', {
      vectors: { size: 8, distance: 'Dot' },
      ...eager,
      metadata: { owner: 'me' },
    });
    await server.result('PUT', '/collections/c/index?wait=true', { field_name: 'n', field_schema: 'integer' });
    await server.result('POST', '/collections/aliases', {
      actions: [{ create_alias: { collection_name: 'c', alias_name: 'live' } }],
    });
    const data = clusters(6000, 8, 1);
    let acknowledged = 0;
    for (let kills = 0; kills < 4; kills += 1) {
      const uploading = (async () => {
        while (acknowledged < data.length) {
          const points = data
            .slice(acknowledged, acknowledged + 50)
            .map((vector, i) => ({ id: acknowledged + i, vector, payload: { n: acknowledged + i } }));
          await server.result('PUT', '/collections/c/points?wait=true', { points });
          acknowledged += points.length;
        }
      })().catch(() => undefined);
      await sleep(60 + 70 * kills);
      server.engine.kill('SIGKILL');
      await Promise.all([uploading, server.engine.exited]);
      await server.restart();
      const before = acknowledged;
      const count = at(await server.result('POST', '/collections/c/points/count', { exact: true }), ['count']);
      // The batch in flight may be there too: it was in the log before its answer was cut off.
      expect([before, before + 50]).toContain(count);
      acknowledged = Number(count);
    }
    await server.green('c');
    await server.engine.stop();
    expect(await server.engine.exited).toEqual({ code: 0, signal: null });
    await server.restart();
    await server.green('c');
    const info = await server.result('GET', '/collections/live');
    expect(info).toMatchObject({
      points_count: acknowledged,
      config: { metadata: { owner: 'me' } },
      payload_schema: { n: { data_type: 'integer' } },
    });
    const last = acknowledged - 1;
    expect(await server.result('GET', `/collections/c/points/${last}`)).toMatchObject({ payload: { n: last } });
    const written = await server.result('POST', '/collections/c/points/delete?wait=true', { points: [last] });
    expect(at(written, ['operation_id'])).toBeGreaterThan(acknowledged / 50);
  });

  it('of an interrupted create or delete is cleared away', async () => {
    await using server = await startTestEngine();
    await server.engine.stop();
    const left = join(server.dataDir, 'collections', 'half');
    await mkdir(join(left, 'shard'), { recursive: true });
    await server.restart();
    expect(await server.result('GET', '/collections')).toEqual({ collections: [] });
    expect(await readdir(join(server.dataDir, 'collections'))).toEqual([]);
  });
});

describe('the launcher', () => {
  const binary = process.env['QDRANT_BIN'] ?? '';

  it('reports why a server did not start', async () => {
    await using server = await startTestEngine();
    const port = Number(new URL(server.engine.url).port);
    const failed = startEngine({ binary, dataDir: server.dataDir, port });
    await expect(failed).rejects.toThrow(EngineStartError);
    await expect(failed).rejects.toThrow(/cannot listen on 127\.0\.0\.1/);
    await expect(startEngine({ binary: '/bin/true', dataDir: server.dataDir })).rejects.toThrow(
      /does not name a Qdrant version/,
    );
  });

  it('can be stopped twice, and gives up when told to', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'qdrant-test-'));
    const engine = await startEngine({ binary, dataDir });
    await Promise.all([engine.stop(), engine.stop()]);
    const aborted = startEngine({ binary, dataDir, signal: AbortSignal.abort(new Error('enough')) });
    await expect(aborted).rejects.toThrow();
    await rm(dataDir, { recursive: true });
  });

  /** An "official" binary: it neither picks ports nor watches its input. */
  async function official(folder: string): Promise<string> {
    const path = join(folder, 'qdrant');
    const script = `#!/bin/sh\n[ "$1" = --version ] && echo "qdrant 1.19.0" && exit\nexec "${binary}" </dev/null >/dev/null\n`;
    await writeFile(path, script);
    await chmod(path, 0o755);
    return path;
  }

  /** Something that claims to be a server and does `script` instead. */
  async function pretender(folder: string, script: string): Promise<string> {
    const path = join(folder, 'qdrant');
    await writeFile(path, `#!/bin/sh\n[ "$1" = --version ] && echo "qdrant 1.19.0" && exit\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  it('picks a port for an official binary, and hands it the key by its environment', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qdrant-test-'));
    const path = await official(folder);
    const engine = await startEngine({ binary: path, dataDir: join(folder, 'data'), apiKey: 'secret' });
    expect((await fetch(`${engine.url}/collections`)).status).toBe(401);
    expect((await fetch(`${engine.url}/collections`, { headers: { 'api-key': 'secret' } })).status).toBe(200);
    expect(await readFile(`/proc/${engine.pid}/cmdline`, 'utf8')).not.toContain('secret');
    engine.kill('SIGTERM');
    expect((await engine.exited).code).toBe(0);
    await engine.stop();
    await rm(folder, { recursive: true });
  });

  it.each([
    ['exits', 'echo "out of luck" >&2; exit 3', /exit code 3\nout of luck/],
    ['is killed', 'kill -KILL $$', /it ended with SIGKILL/],
    ['never serves', 'exec sleep 60', /not ready after 300 ms/, 300],
  ])('tells of a server that %s', async (_, script, message, startMs = 60_000) => {
    const folder = await mkdtemp(join(tmpdir(), 'qdrant-test-'));
    const path = await pretender(folder, script);
    await expect(startEngine({ binary: path, dataDir: folder, startMs })).rejects.toThrow(message);
    await rm(folder, { recursive: true });
  });

  it('kills a server that ignores SIGTERM', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qdrant-test-'));
    const serve = `require("http").createServer((_, r) => r.end()).listen(process.env.QDRANT__SERVICE__HTTP_PORT, "127.0.0.1"); process.on("SIGTERM", () => {})`;
    const path = await pretender(folder, `exec "${process.execPath}" -e '${serve}'`);
    const engine = await startEngine({ binary: path, dataDir: folder, stopMs: 200 });
    await engine.stop();
    expect(await engine.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await rm(folder, { recursive: true });
  });

  it.each(['our server', 'an official binary'])('leaves no orphan when it is killed: %s', async (kind) => {
    const folder = await mkdtemp(join(tmpdir(), 'qdrant-test-'));
    const path = kind === 'our server' ? binary : await official(folder);
    const module = JSON.stringify(join(import.meta.dirname, 'engine.ts'));
    const program = `
      import { startEngine } from ${module};
      const engine = await startEngine({ binary: ${JSON.stringify(path)}, dataDir: ${JSON.stringify(join(folder, 'data'))} });
      console.log(JSON.stringify({ url: engine.url, pid: engine.pid }));
      await engine.exited;`;
    const launcher = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) =>
      createInterface({ input: launcher.stdout }).once('line', resolve),
    );
    const { url, pid } = JSON.parse(line) as { url: string; pid: number };
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    launcher.kill('SIGKILL');
    const alive = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    while (alive()) await sleep(20);
    await rm(folder, { recursive: true });
  });

  it('runs a server in the foreground', async () => {
    const lines: string[] = [];
    const stop = new AbortController();
    const dataDir = await mkdtemp(join(tmpdir(), 'qdrant-test-'));
    const say = (line: string): void => {
      lines.push(line);
      if (line.includes('serves at')) stop.abort();
    };
    expect(await main(['--port', '0', '--data-dir', dataDir], say, stop.signal)).toBe(0);
    expect(lines.at(-1)).toMatch(/^Qdrant 1\.19\.0 \(env\) serves at http:\/\/127\.0\.0\.1:\d+$/);
    await rm(dataDir, { recursive: true });
  });

  it('checks its command line', async () => {
    const lines: string[] = [];
    const never = new AbortController().signal;
    expect(await main(['--help'], (line) => lines.push(line), never)).toBe(0);
    expect(await main(['--port', 'x'], (line) => lines.push(line), never)).toBe(2);
    expect(await main(['--nonsense'], (line) => lines.push(line), never)).toBe(2);
    expect(lines.join('\n')).toMatch(/--data-dir FOLDER.*--port is `x`.*--nonsense/s);
    expect(await main(['--host', '256.0.0.1', '--data-dir', tmpdir()], () => undefined, never)).toBe(1);
  });

  it('reads the address a server announces', () => {
    expect(announcedUrl('{"url":"http://127.0.0.1:1"}')).toBe('http://127.0.0.1:1');
    for (const line of ['', '{', '{}', '{"url":1}', 'null', '[]']) expect(announcedUrl(line)).toBeUndefined();
  });
});
