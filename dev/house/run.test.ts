import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { capture, ROOT, run } from './run.ts';

const script = (code: string) => ['-e', code];

describe('running programs', () => {
  it('in the checkout', () => expect(existsSync(join(ROOT, 'package.json'))).toBe(true));

  it('gives the exit code, and 128 + n for a signal', async () => {
    expect(await run(process.execPath, script('process.exit(3)'))).toBe(3);
    expect(await run(process.execPath, script('process.kill(process.pid, "SIGINT")'))).toBe(130);
    expect(await run(process.execPath, script('process.kill(process.pid, "SIGTERM")'))).toBe(143);
    await expect(run('no-such-program', [])).rejects.toThrow('ENOENT');
  });

  it('captures all that was printed', async () => {
    expect(
      await capture(process.execPath, script('console.log("out"); console.error("err"); process.exit(1)')),
    ).toEqual({
      code: 1,
      output: expect.stringMatching(/out|err/) as string,
    });
    expect((await capture(process.execPath, script('process.kill(process.pid, "SIGKILL")'))).code).toBe(143);
    await expect(capture('no-such-program', [])).rejects.toThrow('ENOENT');
  });
});
