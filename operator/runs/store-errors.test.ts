import { describe, expect, it } from 'vitest';
import { StoreError } from './run-store.ts';
import { RecordError } from './storable.ts';
import { storeError, worthRetrying } from './store-errors.ts';

const server = { kind: 'server', name: 'postgres://u@h:5432/d' } as const;
const folder = { kind: 'folder', name: '/data/store' } as const;
const failure = (code: string, message = 'it says so') => Object.assign(new Error(message), { code });

describe('store errors', () => {
  it.each([
    ['53100', 'StoreFull'],
    ['53300', 'StoreUnreachable'],
    ['08006', 'StoreUnreachable'],
    ['57P01', 'StoreUnreachable'],
    ['57014', 'StoreUnreachable'],
    ['28P01', 'StoreUnreachable'],
    ['3D000', 'StoreUnreachable'],
    ['42501', 'StoreUnreachable'],
    ['25006', 'StoreUnreachable'],
    ['40P01', 'StoreUnreachable'],
    ['55P03', 'StoreUnreachable'],
    ['XX001', 'StoreCorrupt'],
    ['58P01', 'StoreCorrupt'],
    ['42P01', 'StoreCorrupt'],
    ['ECONNREFUSED', 'StoreUnreachable'],
    ['ENOSPC', 'StoreFull'],
  ])('%s of a server is %s, named, with the cause', (code, reason) => {
    const cause = failure(code);
    const error = storeError(cause, server) as StoreError;
    expect(error).toMatchObject({ name: 'StoreError', reason, cause });
    expect(error.message).toMatch(/^store postgres:\/\/u@h:5432\/d .*: it says so\. [A-Z].*\.$/);
  });

  it.each(['EACCES', 'EROFS', 'EPERM'])('%s of a folder says what to check', (code) => {
    expect(storeError(failure(code), folder)).toMatchObject({
      reason: 'StoreUnreachable',
      message: expect.stringContaining('Check its owner and permissions') as string,
    });
  });

  it('knows a broken connection by the words of the driver', () => {
    const error = storeError(new Error('Connection terminated unexpectedly'), server);
    expect(error).toMatchObject({ reason: 'StoreUnreachable' });
    expect(storeError(new AggregateError([failure('ECONNREFUSED')]), server)).toMatchObject({
      reason: 'StoreUnreachable',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  it('leaves the faults of this program as they are', () => {
    for (const error of [
      new TypeError('x is not a function'),
      failure('42601'),
      failure('23505'),
      failure('EISDIR'),
      'text',
    ]) {
      expect(storeError(error, server)).toBe(error);
    }
    expect(storeError(failure('ECONNREFUSED'), folder)).not.toBeInstanceOf(StoreError);
    const said = [new StoreError('StoreFull', 'm'), new RecordError('m')];
    for (const error of said) expect(storeError(error, folder)).toBe(error);
  });

  it('tries again after a deadlock and a serialization failure only', () => {
    expect(['40001', '40P01', '40003', '53100', ''].map((code) => worthRetrying(failure(code)))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
