import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { NetError } from '../../loadgen/net/net-error.ts';
import { targetError } from './collections.ts';
import { coreSplit, LocalTarget, type LocalEngine } from './local/local-target.ts';
import { TargetError } from './target.ts';

const folder = mkdtempSync(join(tmpdir(), 'targets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const signal = new AbortController().signal;

describe('what Qdrant’s client throws', () => {
  it.each([
    [{ status: 409, data: { status: { error: 'exists' } } }, 'NameTaken', 'exists'],
    [{ status: 401 }, 'TargetUnreachable', 'check it and its rights'],
    [{ status: 403 }, 'TargetUnreachable', 'HTTP 403'],
    [{ status: 400, data: { status: { error: 'bad m' } } }, 'Refused', 'bad m'],
    [{ status: 422, message: 'no' }, 'Refused', "not in Qdrant's words"],
    [{ status: 408 }, 'TargetUnreachable', 'HTTP 408'],
    [{ status: 429 }, 'TargetUnreachable', 'HTTP 429'],
    [{ status: 503 }, 'TargetUnreachable', 'HTTP 503'],
    [{ message: 'fetch failed', cause: { code: 'ECONNREFUSED' } }, 'TargetUnreachable', 'ECONNREFUSED'],
    [{ cause: { message: 'socket hang up' } }, 'TargetUnreachable', 'socket hang up'],
    ['nonsense', 'TargetUnreachable', "the answer is not Qdrant's"],
    [undefined, 'TargetUnreachable', "the answer is not Qdrant's"],
    [new SyntaxError('root:x:0:0 is no JSON'), 'TargetUnreachable', "the answer is not Qdrant's"],
    [{ name: 'QdrantClientTimeoutError' }, 'TargetUnreachable', 'it took too long'],
    [{ cause: new NetError('AddressRefused', 'may not be reached: x') }, 'TargetUnreachable', 'it may not be reached'],
  ])('%j is %s', (error, reason, text) => {
    const sorted = targetError(error, 'Qdrant at x');
    expect(sorted).toBeInstanceOf(TargetError);
    expect(sorted.reason).toBe(reason);
    expect(sorted.message).toContain(text);
  });
});

describe('cores', () => {
  it.each([
    [1, undefined],
    [2, { serverCores: [0], clientCores: [1] }],
    [4, { serverCores: [0, 1, 2], clientCores: [3] }],
    [8, { serverCores: [0, 1, 2, 3, 4, 5], clientCores: [6, 7] }],
  ])('%d are split', (cores, split) => expect(coreSplit(cores)).toEqual(split));
});

describe('a local target', () => {
  const stopped: string[] = [];
  const target = (name: string, fail?: unknown) =>
    new LocalTarget({
      workDir: join(folder, name),
      description: 'a test',
      unsupported: ['x'],
      startEngine: ({ dataDir }): Promise<LocalEngine> =>
        fail
          ? Promise.reject(fail as Error)
          : Promise.resolve({
              url: 'http://127.0.0.1:1',
              pid: 1,
              version: '1.19.0',
              stop: () => Promise.resolve(void stopped.push(dataDir)),
            }),
    });

  it('says why an engine did not start', async () => {
    await expect(target('a', new Error('no such file')).describe(signal)).rejects.toMatchObject({
      reason: 'TargetUnreachable',
      message: expect.stringContaining('no such file') as string,
    });
    await expect(target('a', 'odd').describe(signal)).rejects.toThrow('odd');
    await expect(target('a').open('c', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  it('has one engine a collection, lets it rest, and removes it with its data', async () => {
    const local = target('b');
    expect(await local.describe(signal)).toMatchObject({ qdrantVersion: '1.19.0', unsupported: ['x'] });
    const first = await local.open('c', signal);
    expect(await local.open('c', signal)).toEqual(first);
    expect(await local.existing(['c', 'd'])).toEqual(new Set(['c']));
    await local.rest('c');
    await local.rest('c');
    expect(stopped.filter((path) => path.endsWith('/c'))).toHaveLength(1);
    await local.open('c', signal);
    await local.remove('c');
    await local.remove('c');
    expect(await local.existing(['c'])).toEqual(new Set());
  });

  it('is disposed of with or without its data', async () => {
    const local = target('e');
    await local.open('kept', signal);
    await local.dispose({ deleteData: false });
    expect(existsSync(join(folder, 'e', 'kept'))).toBe(true);
    await local.dispose({ deleteData: true });
    expect(readdirSync(join(folder, 'e'))).toEqual([]);
    await target('never-used').dispose({ deleteData: true });
  });
});
