import { describe, expect, it } from 'vitest';
import { engineError, megabytes, RESERVE_BYTES } from './embedded-database.ts';
import { reasonIn } from './embedded-engine.ts';

describe('why an engine ended', () => {
  const plenty = () => 1e12;
  const cause = new Error('it stopped');

  it.each([
    ['could not write to file "pg_wal/xlogtemp.42": No space left on device', plenty, 'StoreFull'],
    ['could not extend file: Disk quota exceeded', plenty, 'StoreFull'],
    ['the embedded Postgres stopped', () => RESERVE_BYTES - 1, 'StoreFull'],
    ['invalid checkpoint record', plenty, 'StoreCorrupt'],
  ])('%s', (said, free, reason) => {
    const error = engineError('/data/store', said, free, cause);
    expect(error).toMatchObject({ name: 'StoreError', reason, cause });
    expect(error.message).toContain(`store folder /data/store`);
    expect(error.message).toContain(said);
  });

  it('is the last line of its log that says so', () => {
    const log = [
      '2026 LOG:  starting',
      '2026 [42] PANIC:  first',
      '2026 FATAL:  could not open: it: broke',
      'HINT: none',
    ];
    expect(reasonIn(log)).toBe('could not open: it: broke');
    expect(reasonIn(['LOG: fine'])).toBeUndefined();
    expect(megabytes(8_388_608)).toBe('8.4 MB');
  });
});
