import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildImages, type BuiltImage, type ImageName } from './images.ts';
import { unpack, whyNotHere, type Running, type StartOptions, type Unpacked } from './testing/container.ts';

const here = await whyNotHere();
const go = spawnSync('go', ['version']).status === 0;
const BUILD_MS = 900_000;

const running: Running[] = [];

afterEach(async () => {
  for (const container of running.splice(0)) {
    await container.kill('SIGKILL');
    await container.exited;
  }
});

/** Builds and unpacks an image for a group of tests. */
function image(name: ImageName): { start(options?: StartOptions): Running; built(): BuiltImage; unpacked(): Unpacked } {
  let built: BuiltImage | undefined;
  let unpacked: Unpacked | undefined;
  beforeAll(async () => {
    built = (await buildImages([name]))[name];
    unpacked = await unpack(built.tar);
  }, BUILD_MS);
  afterAll(() => unpacked?.remove());
  const ready = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error(`image ${name} was not built`);
    return value;
  };
  return {
    built: () => ready(built),
    unpacked: () => ready(unpacked),
    start(options) {
      const container = ready(unpacked).start(options);
      running.push(container);
      return container;
    },
  };
}

/** Waits until what a container printed has a match, and returns it. */
async function said(container: Running, pattern: RegExp): Promise<RegExpExecArray> {
  let ended = false;
  void container.exited.then(() => (ended = true));
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
    const found = pattern.exec(container.output());
    if (found !== null) return found;
    if (ended) break;
  }
  throw new Error(`nothing like ${String(pattern)} in:\n${container.output()}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free loopback port');
  return address.port;
}

describe.skipIf(here !== undefined)(`images, tried as read-only containers ${here ?? ''}`, () => {
  describe('pause', () => {
    const pause = image('pause');

    test('sleeps, and ends on SIGTERM though it is the first process', async () => {
      const container = pause.start();
      expect(await Promise.race([container.exited, sleep(300, 'asleep')])).toBe('asleep');
      await container.kill('SIGTERM');
      expect(await container.exited).toBe(0);
    });
  });

  describe('tools', () => {
    const tools = image('tools');

    test('has a shell that makes folders for others', async () => {
      const script = 'mkdir -m 0777 /tmp/volume && ls -ld /tmp/volume && id -u && rm -rf /tmp/volume && ls /tmp';
      const container = tools.start({ args: ['/bin/sh', '-c', script] });
      expect(await container.exited).toBe(0);
      expect(container.output()).toMatch(/^drwxrwxrwx .*\n0\n$/s);
    });
  });

  describe('bench', () => {
    const bench = image('bench');
    /** Imports every module of ours but those that run when they are imported, as an unprivileged user. */
    const imports = `
      import { glob, writeFile } from 'node:fs/promises';
      let imported = 0;
      const failed = [];
      for await (const path of glob('/app/{crds,loadgen,operator}/**/*.ts')) {
        if (/(?:main|worker)\\.ts$/.test(path)) continue;
        await import(path).then(() => (imported += 1), (error) => failed.push(String(error)));
      }
      const denied = await writeFile('/app/x', '').then(() => 'none', (error) => error.code);
      console.log(JSON.stringify({ imported, failed, denied, uid: process.getuid() }));
      process.exit();
    `;

    test('every module finds what it imports, run by user 65532 on a read-only root', async () => {
      const container = bench.start({ args: ['--input-type=module', '--eval', imports] });
      expect(await container.exited, container.output()).toBe(0);
      const { imported, ...found } = JSON.parse(container.output()) as { imported: number };
      expect(found).toEqual({ failed: [], denied: 'EROFS', uid: 65_532 });
      expect(imported).toBeGreaterThan(50);
    });

    test.each([
      ['loadgen/main.ts', 'Carries out one load generator job'],
      ['loadgen/pod/main.ts', 'in a pod and publishes what it finds on NATS'],
      ['operator/main.ts', 'carries out the QdrantSweeps of a Kubernetes cluster'],
    ])('%s starts', async (path, text) => {
      const container = bench.start({ args: [path, '--help'] });
      expect(await container.exited, container.output()).toBe(0);
      expect(container.output()).toContain(text);
    });

    test('its name says what it holds', () => {
      expect(bench.built().ref).toMatch(/^qdrant-bench\.local\/qdrant-bench:\d+\.\d+\.\d+-[0-9a-f]{8}$/);
    });
  });

  describe.skipIf(!go)('nats, built with Go', () => {
    const nats = image('nats');

    test('serves', async () => {
      const container = nats.start({ args: ['--addr', '127.0.0.1', '--port', '-1'] });
      const port = (await said(container, /client connections on 127\.0\.0\.1:(\d+)/))[1];
      const socket = connect(Number(port), '127.0.0.1');
      const [greeting] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      const version = /:(\d+\.\d+\.\d+)$/.exec(nats.built().ref)?.[1];
      expect(greeting.toString()).toContain(`"version":"${String(version)}"`);
    });
  });

  describe('qdrant-dev', () => {
    const qdrant = image('qdrant-dev');

    test('serves, keeps its data in /qdrant/storage and ends in order', async () => {
      const port = String(await freePort());
      const env = { QDRANT__SERVICE__HOST: '127.0.0.1', QDRANT__SERVICE__HTTP_PORT: port };
      const storage = await mkdtemp(join(tmpdir(), 'qdrant-bench-storage-'));
      spawnSync('chown', ['65532:65532', storage]);
      try {
        const volumes = { '/qdrant/storage': storage };
        const url = `http://127.0.0.1:${port}`;
        const first = qdrant.start({ env, volumes });
        await said(first, /\{.*\}/);
        expect((await fetch(`${url}/healthz`)).status).toBe(200);
        const body = JSON.stringify({ vectors: { size: 4, distance: 'Dot' } });
        const headers = { 'content-type': 'application/json' };
        expect((await fetch(`${url}/collections/kept`, { method: 'PUT', body, headers })).status).toBe(200);
        await first.kill('SIGTERM');
        expect(await first.exited).toBe(0);

        await said(qdrant.start({ env, volumes }), /\{.*\}/);
        expect((await fetch(`${url}/collections/kept`)).status).toBe(200);
      } finally {
        await rm(storage, { recursive: true, force: true });
      }
    });
  });

  describe('postgres', () => {
    const postgres = image('postgres');
    const password = "it's a $ecret `x`";
    const names = { POSTGRES_USER: 'bench', POSTGRES_DB: 'Runs' };
    let folder = '';

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'qdrant-bench-volume-'));
      spawnSync('chown', ['65532:65532', folder]);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    const server = async (env: Record<string, string>): Promise<{ container: Running; port: number }> => {
      const port = await freePort();
      const container = postgres.start({
        env,
        args: ['-c', 'listen_addresses=127.0.0.1', '-c', `port=${String(port)}`],
        volumes: { '/var/lib/postgresql': folder },
      });
      return { container, port };
    };
    const ask = async (port: number, given: string, sql: string): Promise<unknown[]> => {
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'bench', database: 'Runs', password: given });
      await client.connect();
      try {
        return (await client.query(sql)).rows as unknown[];
      } finally {
        await client.end();
      }
    };

    test('makes its database once, answers only to the password, and stops fast with clients connected', async () => {
      const { container, port } = await server({ ...names, POSTGRES_PASSWORD: password });
      await said(container, /ready to accept connections/);
      expect(await ask(port, password, 'create table t as select 42 as n')).toEqual([]);
      await expect(ask(port, 'wrong', 'select 1')).rejects.toThrow('password authentication failed');
      const idle = new pg.Client({ host: '127.0.0.1', port, user: 'bench', database: 'Runs', password });
      idle.on('error', () => undefined);
      await idle.connect();
      const signal = postgres.unpacked().config.StopSignal as NodeJS.Signals;
      await container.kill(signal);
      expect(await container.exited).toBe(0);
      expect(container.output()).not.toContain('ecret');
      await idle.end().catch(() => undefined);

      // A second start finds it; the password is not needed any more.
      const again = await server(names);
      await said(again.container, /ready to accept connections/);
      expect(await ask(again.port, password, 'select n from t')).toEqual([{ n: 42 }]);
    });

    test('begins anew after a first start that was cut short', async () => {
      await rm(join(folder, 'data'), { recursive: true, force: true });
      spawnSync('mkdir', ['--mode=0700', join(folder, 'data.new')]);
      await writeFile(join(folder, 'data.new', 'PG_VERSION'), '18\n');
      spawnSync('chown', ['-R', '65532:65532', folder]);
      const secret = join(folder, 'password');
      await writeFile(secret, `${password}\n`, { mode: 0o644 });
      const { container, port } = await server({ ...names, POSTGRES_PASSWORD_FILE: '/var/lib/postgresql/password' });
      await said(container, /ready to accept connections/);
      expect(await ask(port, password, 'select 1 as one')).toEqual([{ one: 1 }]);
    });

    test.each([
      [{ POSTGRES_PASSWORD: '' }, /POSTGRES_PASSWORD is empty/],
      [{ POSTGRES_PASSWORD: 'x', POSTGRES_DB: 'a";drop' }, /POSTGRES_DB is `a";drop`, expected letters/],
      [{ POSTGRES_PASSWORD: 'x', PGDATA: '/usr/local/none/data' }, /mount the volume at its parent folder/],
      [{ POSTGRES_PASSWORD: 'x', PGDATA: '/etc' }, /PGDATA is \/etc, which is not empty/],
    ])('refuses %o', async (env, message) => {
      const container = postgres.start({ env: { PGDATA: '/tmp/none/data', ...env } });
      expect(await container.exited).toBe(64);
      expect(container.output()).toMatch(message);
    });
  });
});
