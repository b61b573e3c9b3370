import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

it('tells what a process died of, not the addresses that follow', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-test-'));
  try {
    const entry = join(folder, 'entry.mjs');
    writeFileSync(
      entry,
      `process.stderr.write('busy\\nFATAL ERROR: Reached heap limit\\n 1: 0xb1 [node]\\n'); process.exitCode = 134;`,
    );
    const running = new LocalProcessRunner(entry, pino({ level: 'silent' })).run(prepareJob(), {
      onMessage: () => Promise.resolve(),
      signal: new AbortController().signal,
    });
    await expect(running).rejects.toThrow('exited with code 134: FATAL ERROR: Reached heap limit');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
