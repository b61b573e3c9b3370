import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepStatusSchema } from '../crds/sweep/sweep-status.ts';
import { startPostgres } from '../dev/postgres/server.ts';
import { startEngine, type Engine } from '../dev/qdrant/engine.ts';
import { inProcess, printed, SMALL_SPEC, sweepYaml, temporaryFolder, type Printed } from './cli.test-support.ts';

const { path: folder, remove } = temporaryFolder();
afterAll(remove);

function write(name: string, spec: Record<string, unknown>): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, sweepYaml(name, spec));
  return file;
}

describe('a sweep on a throw-away local engine', () => {
  const store = join(folder, 'store');
  let file: string;
  let first: Printed;

  beforeAll(async () => {
    file = write('small', SMALL_SPEC);
    const said = await inProcess(['run', file, '--store', store, '--output', 'json']);
    expect(said.code, said.err).toBeLessThanOrEqual(1);
    first = printed(said);
  });

  it('ends Completed with a status of the resource’s shape', () => {
    expect(sweepStatusSchema.safeParse(first.status).error?.issues ?? []).toEqual([]);
    expect(first.status).toMatchObject({ phase: 'Completed', progress: { builds: 3, maxBuilds: 3, running: 0 } });
    expect(first.status.baseline?.configuration.summary).toBe("Qdrant's defaults");
    expect(first.status.environment.qdrantVersion).toMatch(/^1\./);
  });

  it('measured recall that grows with hnsw_ef on real graphs', () => {
    const recallOf = (ef: number): number | undefined =>
      first.searches
        .find(({ summary, stage }) => stage !== 'Final' && summary.includes('m=8') && summary.endsWith(`hnsw_ef=${ef}`))
        ?.metrics.find(({ name }) => name === 'recall')?.value;
    expect(recallOf(16)).toBeLessThan(recallOf(256) as number);
  });

  it('leaves no engine data behind', () => {
    expect(existsSync(join(store, 'engines')) ? readdirSync(join(store, 'engines')) : []).toEqual([]);
  });

  it('measures nothing twice when run again, and with a larger budget goes on where it was', async () => {
    const again = printed(await inProcess(['run', file, '--store', store, '--output', 'json']));
    expect(again.searches).toEqual(first.searches);
    const more = write('small', {
      ...SMALL_SPEC,
      parameters: [...SMALL_SPEC.parameters, { name: 'quantization_config', choices: ['none', 'scalar'] }],
      budget: { builds: 4 },
    });
    const further = printed(await inProcess(['run', more, '--store', store, '--output', 'json']));
    expect(further.status.progress.builds).toBe(4);
    const ids = new Set(further.searches.map(({ id }) => id));
    expect(ids.size).toBe(further.searches.length);
    for (const { id } of first.searches) expect(ids).toContain(id);
  });

  it('is listed and shown', async () => {
    const list = await inProcess(['list', '--store', store]);
    expect(list.out).toMatch(/default\s+small\s+Completed\s+4\/4/);
    expect(JSON.parse((await inProcess(['list', '--store', store, '-o', 'json'])).out)).toMatchObject({
      items: [{ name: 'small' }],
    });
    const shown = await inProcess(['show', 'small', '--store', store]);
    expect(shown.out).toContain('default/small: Completed');
    expect(shown.out).toContain(first.searches[0]?.id);
    expect(printed(await inProcess(['show', 'small', '--store', store, '-o', 'json'])).status.phase).toBe('Completed');
    const wrong = await inProcess(['show', 'smal', '--store', store]);
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('the store has default/small') as string });
  });

  it('stops when asked, keeps what it has and says how to go on', async () => {
    const stop = new AbortController();
    const slow = write('stopped', { ...SMALL_SPEC, workload: { duration: '20s' } });
    const running = inProcess(['run', slow, '--store', join(folder, 'stopped'), '--output', 'json'], {}, stop.signal);
    setTimeout(() => stop.abort(new Error('interrupted')), 6000);
    const said = await running;
    expect(said.code, said.err).toBe(4);
    expect(said.err).toContain('run the same command again');
    expect(printed(said).status.phase).not.toBe('Completed');
  });
});

describe('a sweep on an existing Qdrant', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ dataDir: join(folder, 'engine'), apiKey: 'a-secret-key' });
  });
  afterAll(() => engine.stop());

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${engine.url}${path}`, {
      ...init,
      headers: { 'api-key': 'a-secret-key', 'content-type': 'application/json' },
    });

  it('touches only its own collections, keeps the best when told to, and never shows the key', async () => {
    await ask('/collections/precious', {
      method: 'PUT',
      body: JSON.stringify({ vectors: { size: 4, distance: 'Dot' } }),
    });
    const file = write('external', { ...SMALL_SPEC, budget: { builds: 2 }, retention: { onFinish: 'KeepBest' } });
    const said = await inProcess(
      [
        'run',
        file,
        '--qdrant',
        engine.url,
        '--store',
        join(folder, 'external'),
        '--output',
        'json',
        '--log-level',
        'debug',
      ],
      {
        QDRANT_API_KEY: 'a-secret-key',
      },
    );
    expect(said.code, said.err).toBeLessThanOrEqual(1);
    const { status } = printed(said);
    const { result } = (await (await ask('/collections')).json()) as { result: { collections: { name: string }[] } };
    const names = result.collections.map(({ name }) => name);
    expect(names).toContain('precious');
    const ours = names.filter((name) => name !== 'precious');
    if (status.best) expect(ours).toEqual([expect.stringContaining(status.best.run) as string]);
    else expect(ours).toEqual([]);
    expect(said.out + said.err).not.toContain('a-secret-key');
  });

  it('steps over a collection of its name that it did not make', async () => {
    const env = { QDRANT_API_KEY: 'a-secret-key' };
    const names = async (): Promise<string[]> => {
      const { result } = (await (await ask('/collections')).json()) as { result: { collections: { name: string }[] } };
      return result.collections.map(({ name }) => name).toSorted();
    };
    const runWith = (onFinish: string, store: string) =>
      inProcess(
        [
          'run',
          write('taken', { ...SMALL_SPEC, budget: { builds: 1 }, retention: { onFinish } }),
          '--qdrant',
          engine.url,
          '--output',
          'json',
          '--store',
          join(folder, store),
        ],
        env,
      );
    await runWith('Keep', 'taken-1');
    const before = await names();
    // Another store knows nothing of the first one's collection, whose name it would take.
    const said = await runWith('Delete', 'taken-2');
    expect(said.code, said.err).toBeLessThanOrEqual(1);
    expect(await names()).toEqual(before);
  });

  it('reads the key of a Secret from its variable, and says which is missing', async () => {
    const file = write('secret', {
      ...SMALL_SPEC,
      target: { external: { url: engine.url, apiKeySecretRef: { name: 'qdrant', key: 'api-key' } } },
    });
    const said = await inProcess(['run', file, '--store', join(folder, 'secret')]);
    expect(said).toMatchObject({
      code: 2,
      err: expect.stringContaining('QDRANT_BENCH_SECRET_QDRANT_API_KEY') as string,
    });
    const wrong = await inProcess(['run', file, '--store', join(folder, 'secret'), '-o', 'json'], {
      QDRANT_BENCH_SECRET_QDRANT_API_KEY: 'wrong',
    });
    expect(wrong.code).toBe(3);
    expect(wrong.err).toContain('refused the API key');
  });
});

describe('bad input is refused at once, before anything is spent', () => {
  const file = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return `file:${name}`;
  };
  /** fvecs rows: a little-endian int32 dimension, then float32 values. */
  const fvecs = (rows: number, dimensions: number): Uint8Array => {
    const buffer = Buffer.alloc(rows * (4 + 4 * dimensions));
    for (let row = 0; row < rows; row += 1) {
      buffer.writeInt32LE(dimensions, row * (4 + 4 * dimensions));
      for (let i = 0; i < dimensions; i += 1)
        buffer.writeFloatLE(Math.sin(row * 31 + i * 7), row * (4 + 4 * dimensions) + 4 + 4 * i);
    }
    return buffer;
  };
  const base = () => file('base.fvecs', fvecs(500, 8));
  const queries = () => file('queries.fvecs', fvecs(20, 8));
  const vectors = (changes: Record<string, unknown>) => ({
    dataset: { vectors: { base: { url: base() }, queries: { url: queries() }, distance: 'Euclid', ...changes } },
  });

  it.each<[string, () => Record<string, unknown>, number, string]>([
    ['a wrong checksum', () => vectors({ base: { url: base(), sha256: '0'.repeat(64) } }), 2, 'sha256'],
    [
      'a truncated file',
      () => vectors({ base: { url: file('cut.fvecs', fvecs(500, 8).subarray(0, 5000)) } }),
      2,
      'cut.fvecs',
    ],
    ['dimensions that differ', () => vectors({ queries: { url: file('other.fvecs', fvecs(20, 9)) } }), 2, '9'],
    ['a file that is not there', () => vectors({ base: { url: 'file:gone.fvecs' } }), 3, 'gone.fvecs'],
    [
      'a Qdrant that is not there',
      () => ({ ...SMALL_SPEC, target: { external: { url: 'http://127.0.0.1:1' } } }),
      3,
      'http://127.0.0.1:1',
    ],
    [
      'a parameter nobody knows',
      () => ({ ...SMALL_SPEC, parameters: [{ name: 'hnsw_config.mm', numbers: [8] }] }),
      2,
      'spec.parameters[0].name',
    ],
    [
      'a limit beyond the data',
      () => ({
        ...SMALL_SPEC,
        dataset: { synthetic: { points: 100, dimensions: 4, queries: 10 } },
        workload: { limit: 200 },
      }),
      2,
      'limit',
    ],
  ])('%s', async (name, spec, code, message) => {
    const store = join(folder, `refused-${name.replaceAll(/\W+/g, '-')}`);
    const said = await inProcess(['run', write('refused', spec()), '--store', store, '--output', 'json']);
    expect(said.code, said.err).toBe(code);
    expect(said.err).toContain(message);
    const { status, searches } = printed(said);
    expect(status).toMatchObject({ phase: 'Failed', progress: { builds: 0 } });
    expect(searches).toEqual([]);
    expect(sweepStatusSchema.safeParse(status).error?.issues ?? []).toEqual([]);
  });

  it('a server that is no Qdrant', async () => {
    const server = createServer((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>hello</h1>'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const spec = { ...SMALL_SPEC, target: { external: { url: `http://127.0.0.1:${port}` } } };
    const said = await inProcess(['run', write('no-qdrant', spec), '--store', join(folder, 'no-qdrant')]);
    server.close();
    expect(said.code, said.err).toBe(3);
  });

  it('YAML with an error', async () => {
    const said = await inProcess(['run', write('bad', { datset: {} }), '--store', join(folder, 'bad')]);
    expect(said).toMatchObject({
      code: 2,
      err: expect.stringContaining('spec.datset: unknown field; did you mean "dataset"?') as string,
    });
    expect(existsSync(join(folder, 'bad'))).toBe(false);
  });
});

describe('the command line', () => {
  it('helps, tells its version and refuses what it does not know', async () => {
    expect((await inProcess(['--help'])).out).toContain('Exit codes');
    expect((await inProcess(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await inProcess(['frobnicate'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('unknown command') as string,
    });
    expect((await inProcess(['list', '--store', join(folder, 'empty')])).out).toContain('No sweeps here yet');
    expect(await inProcess(['show', 'x', '--store', join(folder, 'empty')])).toMatchObject({
      code: 2,
      err: expect.stringContaining('the store is empty') as string,
    });
  });

  it('tells a store that is none, is not there, or is not ours', async () => {
    const odd = await inProcess(['list', '--store', 'mysql://host/db']);
    expect(odd).toMatchObject({ code: 2, err: expect.stringContaining('mysql') as string });
    expect((await inProcess(['list', '--store', 'postgres://u:secret@127.0.0.1:1/db'])).code).toBe(3);
    mkdirSync(join(folder, 'foreign', 'record'), { recursive: true });
    writeFileSync(join(folder, 'foreign', 'record', 'letter.txt'), 'not a record');
    const foreign = await inProcess(['run', write('foreign', SMALL_SPEC), '--store', join(folder, 'foreign')]);
    expect(foreign.code, foreign.err).toBe(70);
    expect(foreign.err).toContain('StoreCorrupt');
  });
});

describe('a sweep whose record is a Postgres server', () => {
  it('is measured, resumed, listed and shown as with a folder, and the password shows nowhere', async () => {
    const server = await startPostgres();
    try {
      const env = { XDG_DATA_HOME: join(folder, 'xdg') };
      const file = write('served', { ...SMALL_SPEC, budget: { builds: 1 } });
      const said = await inProcess(['run', file, '--store', server.url, '-o', 'json', '--log-level', 'debug'], env);
      expect(said.code, said.err).toBeLessThanOrEqual(1);
      const again = await inProcess(['run', file, '--store', server.url, '-o', 'json'], env);
      expect(printed(again).searches).toEqual(printed(said).searches);
      const list = await inProcess(['list', '--store', server.url], env);
      expect(list.out).toMatch(/default\s+served\s+Completed/);
      const { password } = new URL(server.url);
      expect(password.length).toBeGreaterThan(0);
      expect(said.out + said.err + list.out + list.err).not.toContain(password);
    } finally {
      await server.stop();
    }
    const gone = await inProcess(['list', '--store', server.url]);
    expect(gone.code, gone.err).toBe(3);
  });
});
