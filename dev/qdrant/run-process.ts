import { spawn } from 'node:child_process';

export type Finished = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };

/** How much of each output stream is kept: its end, where the error is. */
const keptChars = 64 * 1024;

/**
 * Runs a program to its end. Rejects when it cannot be started (`ENOENT`) or `signal` aborts it; a non-zero exit code
 * is a result, not a rejection.
 */
export function runProcess(
  command: string,
  args: readonly string[],
  options: {
    cwd?: string;
    env?: NodeJS.ProcessEnv;
    signal?: AbortSignal;
    timeoutMs?: number;
    onStderr?: (text: string) => void;
  } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      signal: options.signal,
      timeout: options.timeoutMs,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-keptChars);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-keptChars);
      options.onStderr?.(text);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
