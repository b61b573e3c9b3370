import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

/** Runs the operator's program, with a module loaded before it; resolves to how it ended and what it said. */
async function main(args: string[], env: Record<string, string> = {}, before = '') {
  const preload = before ? ['--import', `data:text/javascript,${encodeURIComponent(before)}`] : [];
  const child = spawn(process.execPath, [...preload, join(import.meta.dirname, 'main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, err, exit };
}
/** Leads nowhere: whoever waits for these waits for ever. */
const NOWHERE = {
  QDRANT_BENCH_NAMESPACE: 'qdrant-bench',
  QDRANT_BENCH_DATABASE_URL: 'postgres://bench:s3cret@127.0.0.1:1/runs',
  QDRANT_BENCH_NATS_URL: 'nats://127.0.0.1:1',
  QDRANT_BENCH_NATS_SECRET: 'qdrant-bench-nats',
  QDRANT_BENCH_LOADGEN_IMAGE: 'qdrant-bench:1',
  QDRANT_BENCH_HTTP_PORT: '0',
};

describe('the operator’s program', () => {
  it('explains itself, and says what it does not know', async () => {
    expect(await main(['--help'])).toMatchObject({
      exit: [0, null],
      out: expect.stringContaining('one\nleads') as string,
    });
    expect((await main(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await main(['--what'])).toMatchObject({
      exit: [2, null],
      err: expect.stringContaining("'--what'") as string,
    });
  });

  it('refuses an environment that is not complete, without a stack', async () => {
    const { exit, out } = await main([], {});
    expect(exit).toEqual([64, null]);
    expect(JSON.parse(out)).toMatchObject({
      level: 60,
      msg: expect.stringContaining('QDRANT_BENCH_NAMESPACE: is not set') as string,
    });
  });

  it('hears SIGTERM before it has loaded what it is made of, and ends in order', async () => {
    const early = `import { registerHooks } from 'node:module';
      registerHooks({
        resolve(specifier, context, next) {
          if (specifier === './operate.ts') process.kill(process.pid, 'SIGTERM');
          return next(specifier, context);
        },
      });`;
    const { exit, out } = await main([], NOWHERE, early);
    expect(exit, out).toEqual([0, null]);
    expect(out).not.toContain('s3cret');
  });
});
