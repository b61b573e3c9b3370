import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end with `input` on its standard input; keeps all it says. Rejects only when it cannot start. */
export async function run(command: string, args: readonly string[], input = ''): Promise<Finished> {
  const child = spawn(command, args, { stdio: 'pipe', timeout: 60_000 });
  // A program that refuses its arguments reads nothing: the broken pipe is its exit code's to explain.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}
