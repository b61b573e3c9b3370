import { describe, expect, it } from 'vitest';
import { addressRules, ANYWHERE } from './net/address-rules.ts';
import { collectionPath, endpointHeaders, endpointRules, Rest, RestError, retryAfterSeconds } from './rest.ts';
import { startStub } from './testing/stub-qdrant.ts';

describe('Rest', () => {
  it('gives the result, or an error with status, words and Retry-After', async () => {
    const replies = [
      { status: 429, headers: { 'retry-after': '7' }, body: '{"status":{"error":"slow down"}}' },
      { status: 401, body: 'Must provide an API key' },
      { status: 500, body: 'root:x:0:0:of another machine' },
      { status: 200, body: 'not json' },
      { status: 200, body: 'x'.repeat(17 * 2 ** 20) },
    ];
    const stub = await startStub({ faults: [() => replies.shift() ?? 'none'] });
    const rest = new Rest({ url: stub.url, collection: 'c' }, 1, ANYWHERE);
    const call = () => rest.call<{ status: string }>('GET', '/collections/c');
    await expect(call()).rejects.toMatchObject({
      status: 429,
      retryAfter: 7,
      retryable: true,
      message: 'GET /collections/c: HTTP 429: slow down',
    });
    await expect(call()).rejects.toMatchObject({ status: 401, retryable: false, message: /the API key is refused/ });
    await expect(call()).rejects.toThrow("GET /collections/c: HTTP 500: not Qdrant's words");
    await expect(call()).rejects.toThrow("GET /collections/c: the answer is not JSON, so not Qdrant's");
    await expect(call()).rejects.toThrow(/longer than/);
    expect((await call()).status).toBe('green');
    await stub.close();
    await expect(call()).rejects.toMatchObject({ status: 0, retryable: true, message: /no answer/ });
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(rest.call('GET', '/', { signal: abort.signal })).rejects.toThrow('enough');
    await rest.close();
  });

  it('goes to a server of our own wherever it is, to another only where it may', async () => {
    const asked: string[] = [];
    const stub = await startStub({ faults: [({ path }) => (asked.push(path), 'none')] });
    const access = { rules: addressRules({ allow: [], deny: [] }), files: false, env: {} };
    const named = { url: stub.url, collection: 'c' };
    const own = { ...named, own: true as const };
    const refused = new Rest(named, 1, endpointRules(named, access));
    await expect(refused.call('GET', '/collections/c')).rejects.toMatchObject({
      name: 'JobError',
      reason: 'TargetUnreachable',
      message: expect.stringContaining('may not be reached: the address is loopback') as string,
    });
    expect(asked).toEqual([]);
    const rest = new Rest(own, 1, endpointRules(own, access));
    expect(await rest.call('GET', '/collections/c')).toMatchObject({ status: 'green' });
    await Promise.all([refused.close(), rest.close(), stub.close()]);
  });

  it('takes the API key from the environment, and says which variable is missing', () => {
    const endpoint = { url: 'http://x', collection: 'c', apiKeyEnv: 'THE_KEY' };
    expect(endpointHeaders(endpoint, { THE_KEY: 's3cret' })).toEqual({
      'content-type': 'application/json',
      'api-key': 's3cret',
    });
    expect(() => endpointHeaders(endpoint, {})).toThrow(/environment variable THE_KEY holds no API key/);
    expect(endpointHeaders({ url: 'http://x', collection: 'c' }, {})).toEqual({ 'content-type': 'application/json' });
  });

  it('reads Retry-After as seconds or as a date', () => {
    expect(retryAfterSeconds('30')).toBe(30);
    expect(retryAfterSeconds(['5'])).toBe(5);
    expect(retryAfterSeconds('Thu, 01 Jan 1970 00:01:00 GMT', 20_000)).toBe(40);
    expect(retryAfterSeconds('Thu, 01 Jan 1970 00:01:00 GMT', 90_000)).toBe(0);
    expect(retryAfterSeconds('soon')).toBeUndefined();
    expect(retryAfterSeconds(undefined)).toBeUndefined();
  });

  it('encodes names of collections', () => {
    expect(collectionPath('a/b c')).toBe('/collections/a%2Fb%20c');
    expect(new RestError(507, 'x').retryable).toBe(false);
  });
});
