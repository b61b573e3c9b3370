import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { localAccess } from '../net/access.ts';
import { play } from '../net/testing/servers.ts';
import { temporaryFolder } from '../testing/fixtures.ts';
import { fvecs } from '../testing/vecs.ts';
import { prepareDataset } from './prepare.ts';
import { sourceHeaders } from './source-headers.ts';

const headersSecretRef = { name: 'data', key: 'headers' };
const source = { url: 'https://data.example/base.fvecs', headersSecretRef };

describe('the headers of a source', () => {
  it('go with its request, and with no other’s', async () => {
    await using folder = await temporaryFolder();
    const vectors = fvecs([
      [0, 0],
      [1, 0],
      [0, 2],
    ]);
    const server = await play((_, reply) => void reply.end(vectors));
    const url = (name: string) => `http://127.0.0.1:${server.port}/${name}.fvecs`;
    const prepared = await prepareDataset(
      {
        kind: 'Prepare',
        dataset: {
          vectors: {
            base: { url: url('base'), headersSecretRef },
            queries: { url: url('queries') },
            distance: 'Euclid',
          },
        },
        limit: 2,
        cacheDir: join(folder.path, 'cache'),
      },
      {
        progress: () => undefined,
        access: localAccess({ QDRANT_BENCH_HEADERS_BASE: 'Authorization: Bearer hunter2\nx-team: a\n' }),
      },
    );
    await server.close();
    expect(prepared.points).toBe(3);
    const [base, queries] = server.asked;
    expect(base).toMatchObject({ path: '/base.fvecs', headers: { authorization: 'Bearer hunter2', 'x-team': 'a' } });
    expect(queries?.path).toBe('/queries.fvecs');
    expect(queries?.headers).not.toHaveProperty('authorization');
  });

  it('are none where none are named', () => {
    expect(sourceHeaders({ url: source.url }, 'base', { QDRANT_BENCH_HEADERS_BASE: 'a: b' })).toBeUndefined();
  });

  it.each([
    [{}, 'it has not come with the job: expected in QDRANT_BENCH_HEADERS_QUERIES'],
    [{ QDRANT_BENCH_HEADERS_QUERIES: 'a: b\nhunter2' }, 'line 2 is no header: expected NAME: VALUE'],
    [{ QDRANT_BENCH_HEADERS_QUERIES: '' }, 'there is no header in it: expected NAME: VALUE'],
  ])('name the Secret, and nothing of it, when they are wrong: %j', (env, why) => {
    const error = (() => {
      try {
        return sourceHeaders(source, 'queries', env);
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
