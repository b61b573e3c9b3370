import fc from 'fast-check';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine, type Engine } from '../../dev/qdrant/engine.ts';
import { createPayloadIndexes } from '../ingest/payload-index.ts';
import { ANYWHERE } from '../net/address-rules.ts';
import { Rest } from '../rest.ts';
import { temporaryFolder } from '../testing/fixtures.ts';
import { compileFilter } from './compile.ts';
import { parsePayload } from './payload-json.ts';
import { conditionArbitrary, filterArbitrary, payloadArbitrary, TYPES } from './testing/arbitraries.ts';

const POINTS = 300;
/** What JSON can say and JavaScript's own numbers do not show. */
const WRITTEN = [
  '{"mixed":1.0}',
  '{"mixed":[2.0,"a"]}',
  '{"float":1e0,"mixed":-0}',
  '{"mixed":1}',
  '{"text":"[1.0, 2]"}',
];

describe('filters, against the engine itself', () => {
  let engine: Engine;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const seed = 20_261_121;
  const texts = [
    ...WRITTEN,
    ...fc
      .sample(payloadArbitrary, { numRuns: POINTS - WRITTEN.length, seed })
      .map((payload) => JSON.stringify(payload)),
  ];
  const payloads = texts.map(parsePayload);
  const filters = [conditionArbitrary(POINTS), filterArbitrary(POINTS)].flatMap((arbitrary) =>
    fc.sample(arbitrary, { numRuns: 400, seed }),
  );

  beforeAll(async () => {
    folder = await temporaryFolder();
    engine = await startEngine({
      dataDir: join(folder.path, 'engine'),
      ...(process.env.QDRANT_BIN ? { binary: process.env.QDRANT_BIN } : {}),
    });
  });
  afterAll(async () => {
    await engine?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  it.each([
    ['without indexes', false],
    ['with an index of each type', true],
  ])('finds the same points %s', async (_name, indexed) => {
    const collection = indexed ? 'indexed' : 'plain';
    const rest = new Rest({ url: engine.url, collection }, 2, ANYWHERE);
    try {
      const path = `/collections/${collection}`;
      await rest.call('PUT', path, { body: '{"vectors":{"size":2,"distance":"Dot"}}' });
      if (indexed) {
        const indexes = TYPES.map((type) => ({ field: type, type }));
        await createPayloadIndexes(rest, collection, indexes);
      }
      const points = texts.map((payload, id) => `{"id":${id},"vector":[1,2],"payload":${payload}}`);
      await rest.call('PUT', `${path}/points?wait=true`, { body: `{"points":[${points.join(',')}]}` });
      let telling = 0;
      for (const filter of filters) {
        const page = await rest.call<{ points: { id: number }[] }>('POST', `${path}/points/scroll`, {
          body: JSON.stringify({ filter, limit: POINTS, with_payload: false }),
        });
        const holds = compileFilter(filter);
        const ours = payloads.flatMap((payload, id) => (holds(payload, id) ? [id] : []));
        const theirs = page.points.map(({ id }) => id).sort((a, b) => a - b);
        if (ours.join() !== theirs.join()) {
          const differing = payloads.findIndex((_payload, id) => ours.includes(id) !== theirs.includes(id));
          expect.fail(
            `${JSON.stringify(filter)}: point ${differing} ${texts[differing]}: engine ${theirs.includes(differing)}`,
          );
        }
        if (ours.length > 0 && ours.length < POINTS) telling += 1;
      }
      // Filters that match all or nothing prove little.
      expect(telling).toBeGreaterThan(filters.length / 3);
    } finally {
      await rest.close();
    }
  });
});
