import { describe, expect, it } from 'vitest';
import { RestError } from '../rest.ts';
import { pauseSeconds, pushBack } from './push-back.ts';

describe('pushBack', () => {
  it.each<[number, string, number | undefined, string | undefined]>([
    [413, 'Payload Too Large', undefined, 'Smaller'],
    [400, 'JSON payload is larger than allowed (limit: 33554432 bytes).', undefined, 'Smaller'],
    [400, 'Wrong input: Vector dimension error', undefined, undefined],
    [429, 'rate limit', 3, 'Wait'],
    [429, 'Write rate limit exceeded: the request is larger than the limit', undefined, 'Smaller'],
    [503, 'unavailable', undefined, 'Wait'],
    [507, 'quota', undefined, 'Wait'],
    [500, 'panic', undefined, undefined],
    [0, 'no answer', undefined, undefined],
  ])('%i %s (Retry-After %s) is %s', (status, message, retryAfter, expected) => {
    expect(pushBack(new RestError(status, message, retryAfter))).toBe(expected);
  });

  it('waits as asked within a minute, else longer each time', () => {
    expect(pauseSeconds(new RestError(429, '', 7), 1)).toBe(7);
    expect(pauseSeconds(new RestError(429, '', 0), 5)).toBe(0.1);
    expect(pauseSeconds(new RestError(429, '', 9999), 1)).toBe(60);
    expect([1, 2, 3, 4, 99].map((n) => pauseSeconds(new RestError(503, ''), n))).toEqual([0.1, 0.2, 0.4, 0.8, 10]);
  });
});
