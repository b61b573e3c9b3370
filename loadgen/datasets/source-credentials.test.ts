import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAuthority, issue } from '../../dev/cluster/pki.ts';
import { localAccess } from '../net/access.ts';
import { play } from '../net/testing/servers.ts';
import { isSigned } from '../net/testing/s3-verifier.ts';
import { temporaryFolder } from '../testing/fixtures.ts';
import { fvecs } from '../testing/vecs.ts';
import { prepareDataset } from './prepare.ts';
import { sourceCredentials } from './source-credentials.ts';

const headersSecretRef = { name: 'data', key: 'headers' };
const source = { url: 'https://data.example/base.fvecs', headersSecretRef };
const VECTORS = fvecs([
  [0, 0],
  [1, 0],
  [0, 2],
]);
const S3 = 'aws_access_key_id = AKID\naws_secret_access_key = hunter2\nregion = eu-central-1\n';

async function prepare(
  vectors: { base: object; queries: object },
  env: Record<string, string> = {},
): Promise<{ points: number }> {
  await using folder = await temporaryFolder();
  return await prepareDataset(
    {
      kind: 'Prepare',
      dataset: { vectors: { ...(vectors as { base: { url: string }; queries: { url: string } }), distance: 'Euclid' } },
      limit: 2,
      cacheDir: join(folder.path, 'cache'),
    },
    { progress: () => undefined, access: localAccess(env) },
  );
}

describe('the headers of a source', () => {
  it('go with its request, and with no other’s', async () => {
    const server = await play((_, reply) => void reply.end(VECTORS));
    const url = (name: string) => `http://127.0.0.1:${server.port}/${name}.fvecs`;
    const prepared = await prepare(
      { base: { url: url('base'), headersSecretRef }, queries: { url: url('queries') } },
      { QDRANT_BENCH_HEADERS_BASE: 'Authorization: Bearer hunter2\nx-team: a\n' },
    );
    await server.close();
    expect(prepared.points).toBe(3);
    const [base, queries] = server.asked;
    expect(base).toMatchObject({ path: '/base.fvecs', headers: { authorization: 'Bearer hunter2', 'x-team': 'a' } });
    expect(queries?.path).toBe('/queries.fvecs');
    expect(queries?.headers).not.toHaveProperty('authorization');
  });

  it('are none where none are named', () => {
    expect(sourceCredentials({ url: source.url }, 'base', { QDRANT_BENCH_HEADERS_BASE: 'a: b' })).toEqual({});
  });

  it.each([
    [{}, 'it has not come with the job: expected in QDRANT_BENCH_HEADERS_QUERIES'],
    [{ QDRANT_BENCH_HEADERS_QUERIES: 'a: b\nhunter2' }, 'line 2 is no header: expected NAME: VALUE'],
    [{ QDRANT_BENCH_HEADERS_QUERIES: '' }, 'there is no header in it: expected NAME: VALUE'],
  ])('name the Secret, and nothing of it, when they are wrong: %j', (env, why) => {
    const error = (() => {
      try {
        return sourceCredentials(source, 'queries', env);
      } catch (reason) {
        return reason;
      }
    })();
    expect(error).toMatchObject({
      reason: 'DatasetUnreachable',
      message: `spec.dataset.vectors.queries.headersSecretRef: key headers of Secret data: ${why}`,
    });
  });
});

describe('S3-compatible storage', () => {
  it('gives its files to who signs for them, also when it breaks off and is asked again', async () => {
    let broken = 0;
    const server = await play((request, reply) => {
      if (!isSigned(request, { accessKeyId: 'AKID', secretAccessKey: 'hunter2', region: 'eu-central-1' })) {
        return void reply.writeHead(403).end();
      }
      const from = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const partial = { 'content-range': `bytes ${from}-${VECTORS.length - 1}/${VECTORS.length}` };
      const length = { 'content-length': VECTORS.length - from, etag: '"v1"' };
      reply.writeHead(from > 0 ? 206 : 200, { ...length, ...(from > 0 ? partial : {}) });
      if (from > 0) return void reply.end(VECTORS.subarray(from));
      broken += 1;
      reply.write(VECTORS.subarray(0, 12), () => setTimeout(() => request.socket.destroy(), 20));
    });
    const s3SecretRef = { name: 'storage', key: 'credentials' };
    const url = `http://127.0.0.1:${server.port}/bucket/a%20folder/base.fvecs`;
    const part = { url, s3SecretRef };
    const prepared = await prepare({ base: part, queries: part }, { QDRANT_BENCH_S3_BASE: S3 });
    await expect(
      prepare({ base: part, queries: part }, { QDRANT_BENCH_S3_BASE: S3.replace('hunter2', 'hunter3') }),
    ).rejects.toThrow(/answered HTTP 403, expected 200/);
    await server.close();
    expect(prepared.points).toBe(3);
    // One file for both: asked for once, and once more for its rest.
    expect(server.asked.map(({ headers }) => headers['range'])).toEqual([undefined, 'bytes=12-', undefined]);
    expect(broken).toBe(1);
  });
});

describe('authorities of a source’s own', () => {
  it('are those that are trusted, and the only ones', async () => {
    const mine = createAuthority('mine');
    const other = createAuthority('other');
    const tls = issue(mine, 'mine', { commonName: 'data', hosts: ['127.0.0.1'], usage: 'server' });
    const server = await play((_, reply) => void reply.end(VECTORS), { tls });
    const caSecretRef = { name: 'ca', key: 'ca.crt' };
    const part = { url: `https://127.0.0.1:${server.port}/base.fvecs`, caSecretRef };
    const by = (ca: string) => prepare({ base: part, queries: part }, { QDRANT_BENCH_CA_BASE: ca });
    expect((await by(mine.cert)).points).toBe(3);
    expect((await by(`# mine\n${other.cert}\n${mine.cert}`)).points).toBe(3);
    await expect(by(other.cert)).rejects.toThrow(/could not be fetched \(.*certificate/);
    await expect(by('nothing')).rejects.toThrow(
      'spec.dataset.vectors.base.caSecretRef: key ca.crt of Secret ca: there is no certificate in it: expected PEM',
    );
    await server.close();
  });
});
