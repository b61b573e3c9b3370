import { describe, expect, it } from 'vitest';
import { RestError } from '../rest.ts';
import { DEFAULT_RETRY, retryPause, withRetry } from './retry.ts';

const quick = { attempts: 4, baseMilliseconds: 1, maxMilliseconds: 2 };

function failing(times: number, error: Error): { action: () => Promise<string>; calls: () => number } {
  let calls = 0;
  const action = async (): Promise<string> => {
    calls += 1;
    if (calls <= times) throw error;
    return 'done';
  };
  return { action, calls: () => calls };
}

describe('withRetry', () => {
  it.each([0, 408, 429, 503])('tries again after %d', async (status) => {
    const { action, calls } = failing(2, new RestError(status, 'x'));
    const pauses: number[] = [];
    expect(await withRetry(action, { ...quick, onRetry: (_, pause) => pauses.push(pause) })).toBe('done');
    expect(calls()).toBe(3);
    expect(pauses).toEqual([1, 2]);
  });

  it.each([400, 401, 404, 409, 422, 500, 507])('does not after %d', async (status) => {
    const { action, calls } = failing(1, new RestError(status, 'refused'));
    await expect(withRetry(action, quick)).rejects.toThrow('refused');
    expect(calls()).toBe(1);
  });

  it('does not after what is no answer of a server, and gives up in the end', async () => {
    await expect(withRetry(failing(1, new TypeError('bug')).action, quick)).rejects.toThrow('bug');
    const { action, calls } = failing(9, new RestError(503, 'busy'));
    await expect(withRetry(action, quick)).rejects.toThrow('busy');
    expect(calls()).toBe(4);
  });

  it('pauses as long as the server asks, within bounds', () => {
    expect(retryPause(new RestError(429, 'x', 3), 1, DEFAULT_RETRY)).toBe(3000);
    expect(retryPause(new RestError(429, 'x', 0), 3, DEFAULT_RETRY)).toBe(400);
    expect(retryPause(new RestError(429, 'x', 9999), 1, DEFAULT_RETRY)).toBe(60_000);
    expect(retryPause(new RestError(503, 'x'), 20, DEFAULT_RETRY)).toBe(10_000);
  });

  it('stops waiting when told to', async () => {
    const abort = new AbortController();
    const slow = {
      attempts: 3,
      baseMilliseconds: 60_000,
      maxMilliseconds: 60_000,
      signal: abort.signal,
      onRetry: () => abort.abort(),
    };
    await expect(withRetry(failing(2, new RestError(503, 'x')).action, slow)).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});
