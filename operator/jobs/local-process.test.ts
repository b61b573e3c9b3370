import { pino } from 'pino';
import { expect, it } from 'vitest';
import { LocalProcessRunner } from './local-process.ts';
import { prepareJob } from './kubernetes/testing/jobs.ts';

it('starts no process for a Secret that is in a cluster', async () => {
  const runner = new LocalProcessRunner('/nonexistent.ts', pino({ level: 'silent' }));
  const running = runner.run(prepareJob(), {
    onMessage: () => Promise.resolve(),
    secrets: { PLAIN: 'x', THE_KEY: { secretKeyRef: { name: 'key', key: 'api-key' } } },
    signal: new AbortController().signal,
  });
  await expect(running).rejects.toThrow('THE_KEY refers to a Secret, and here there are none');
});
