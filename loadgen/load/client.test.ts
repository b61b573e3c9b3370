import { describe, expect, it } from 'vitest';
import { ANYWHERE } from '../net/address-rules.ts';
import { startStub } from '../testing/stub-qdrant.ts';
import { parseIds, QueryClient, type Ending } from './client.ts';
import { LatencyHistogram } from './histogram.ts';

function parse(body: unknown, limit = 3): [boolean, number[]] {
  const ids = new Int32Array(limit);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return [parseIds(Buffer.from(text), ids), [...ids]];
}

const points = (...ids: (number | string)[]) => ({
  result: { points: ids.map((id) => ({ id, version: 1, score: 0.5 })) },
  status: 'ok',
});

describe('parseIds', () => {
  it.each<[string, unknown, [boolean, number[]]]>([
    ['an answer', points(7, 12, 3), [true, [7, 12, 3]]],
    ['a short answer', points(7), [true, [7, -1, -1]]],
    ['no hits', points(), [true, [-1, -1, -1]]],
    ['an answer with spaces', JSON.stringify(points(7, 8), null, 2), [true, [7, 8, -1]]],
    ['ids that are not ours', points('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 4), [true, [-1, 4, -1]]],
    ['more than asked for', points(1, 2, 3, 4), [false, [-1, -1, -1]]],
    ['something else', { result: true }, [false, [-1, -1, -1]]],
    ['no list', { result: { points: 'none' } }, [false, [-1, -1, -1]]],
    ['no JSON', 'gateway', [false, [-1, -1, -1]]],
  ])('reads %s', (_, body, expected) => {
    expect(parse(body)).toEqual(expected);
  });

  it('takes no body for no answer', () => {
    expect(parseIds(undefined, new Int32Array(1))).toBe(false);
  });
});

describe('QueryClient', () => {
  it('keeps what answers say of the time they took, while it is asked to', async () => {
    const faults = ['{"result":{"points":[]},"status":"ok","time":0.0025}', '{"result":{"points":[]},"status":"ok"}'];
    const stub = await startStub({ faults: [() => ({ status: 200, body: faults.shift() ?? '' })] });
    const client = new QueryClient(
      { url: stub.url, collection: 'c' },
      { limit: 1, connections: 1, timeoutMilliseconds: 2000, rules: ANYWHERE },
    );
    const ask = () => new Promise((resolve) => client.send(Buffer.from('{}'), 0, (_, ending) => resolve(ending)));
    client.serverTime = new LatencyHistogram();
    expect([await ask(), await ask()]).toEqual(['ok', 'ok']);
    expect(client.serverTime.count).toBe(1);
    expect(client.serverTime.percentile(50)).toBeCloseTo(2.5, 2);
    await client.close();
    await stub.close();
  });

  it('tells answers from the kinds of errors', async () => {
    const faults: { status: number; hangUp?: boolean; body?: string }[] = [
      { status: 503 },
      { status: 0, hangUp: true },
      { status: 200, body: '{}' },
      { status: 200 },
    ];
    const stub = await startStub({ faults: [() => faults.shift() ?? 'none'] });
    for (let id = 0; id < 500; id += 1) stub.points.set(id, [id]);
    const client = new QueryClient(
      { url: stub.url, collection: 'c' },
      { limit: 400, connections: 1, timeoutMilliseconds: 2000, rules: ANYWHERE },
    );
    const ask = () =>
      new Promise<[Ending, number, number]>((resolve) => {
        client.send(Buffer.from('{"query":[3],"limit":400}'), 5, (tag, ending, ids) =>
          resolve([ending, tag, ids[0] as number]),
        );
      });
    expect([await ask(), await ask(), await ask(), await ask()].map(([ending]) => ending)).toEqual([
      'http503',
      'connection',
      'invalid',
      'invalid',
    ]);
    // Long enough to come in several pieces.
    expect(await ask()).toEqual(['ok', 5, 3]);
    stub.behaviour.serviceMs = 60_000;
    const given = ask();
    await client.reset();
    expect((await given)[0]).toBe('connection');
    stub.behaviour.serviceMs = 0;
    expect(await ask()).toEqual(['ok', 5, 3]);
    await client.close();
    await stub.close();
  });

  it('counts an answer that does not come as a timeout', async () => {
    const stub = await startStub({ serviceMs: 60_000 });
    const client = new QueryClient(
      { url: stub.url, collection: 'c' },
      { limit: 1, connections: 1, timeoutMilliseconds: 100, rules: ANYWHERE },
    );
    const ending = await new Promise((resolve) => client.send(Buffer.from('{}'), 0, (_, end) => resolve(end)));
    expect(ending).toBe('timeout');
    await client.close();
    await stub.close();
  });
});
