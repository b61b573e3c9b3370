import { describe, expect, it } from 'vitest';
import { collectionPath, endpointHeaders, Rest, RestError, retryAfterSeconds } from './rest.ts';
import { startStub } from './testing/stub-qdrant.ts';

describe('Rest', () => {
  it('gives the result, or an error with status, words and Retry-After', async () => {
    const replies = [
      { status: 429, headers: { 'retry-after': '7' }, body: '{"status":{"error":"slow down"}}' },
      { status: 401, body: 'Must provide an API key' },
      { status: 200, body: 'not json' },
      { status: 200, body: 'x'.repeat(17 * 2 ** 20) },
    ];
    const stub = await startStub({ faults: [() => replies.shift() ?? 'none'] });
    const rest = new Rest({ url: stub.url, collection: 'c' }, 1);
    const call = () => rest.call<{ status: string }>('GET', '/collections/c');
    await expect(call()).rejects.toMatchObject({
      status: 429,
      retryAfter: 7,
      retryable: true,
      message: 'GET /collections/c: HTTP 429: slow down',
    });
    await expect(call()).rejects.toMatchObject({ status: 401, retryable: false, message: /Must provide an API key/ });
    await expect(call()).rejects.toThrow(/the answer is not JSON: not json/);
    await expect(call()).rejects.toThrow(/longer than/);
    expect((await call()).status).toBe('green');
    await stub.close();
    await expect(call()).rejects.toMatchObject({ status: 0, retryable: true, message: /no answer/ });
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(rest.call('GET', '/', { signal: abort.signal })).rejects.toThrow('enough');
    await rest.close();
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
