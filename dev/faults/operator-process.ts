import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from '../cluster/debian.ts';
import { ROOT } from '../house/run.ts';

export interface OperatorExit {
  /** null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Whether the scenario ended it, or told it to end itself. */
  wanted: boolean;
}

/** One line of the operator's log. */
export type LogLine = Record<string, unknown> & { msg?: string };

/** The operator as its pod runs it: a process of its own, which ends with this one however this one ends. */
export class OperatorProcess {
  readonly name: string;
  readonly lines: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<OperatorExit>;
  #exit: OperatorExit | undefined;
  /** When it was last let go on, ms since the epoch. */
  thawedAt: number | undefined;
  #wanted = false;

  private constructor(name: string, child: ChildProcess, logFile: string) {
    this.name = name;
    this.#child = child;
    this.#ended = once(child, 'close').then(([code, signal]: unknown[]) => {
      this.#exit = { code: code as number | null, signal: signal as NodeJS.Signals | null, wanted: this.#wanted };
      return this.#exit;
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        appendFileSync(logFile, `${line}\n`);
        this.lines.push(parsed(line));
      });
    }
  }

  /** @param env all of its environment, but for PATH. @param logFile what it says is appended there. */
  static async start(name: string, env: Readonly<Record<string, string>>, logFile: string): Promise<OperatorProcess> {
    const tether = await findProgram('setpriv');
    const command = [process.execPath, `${ROOT}/operator/main.ts`];
    const [first = '', ...rest] = tether ? [tether, '--pdeathsig', 'KILL', '--', ...command] : command;
    const child = spawn(first, rest, {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const operator = new OperatorProcess(name, child, logFile);
    await once(child, 'spawn');
    return operator;
  }

  /** Of the operator itself: setpriv becomes it. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get exit(): OperatorExit | undefined {
    return this.#exit;
  }

  get ended(): Promise<OperatorExit> {
    return this.#ended;
  }

  /** Its end, if it comes, is the scenario's doing. */
  expectEnd(): void {
    this.#wanted = true;
  }

  /** SIGKILL, as a node's death. */
  async kill(): Promise<void> {
    this.expectEnd();
    this.#signal('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM, as the kubelet; SIGKILL when that was not enough. @returns how it ended. */
  async stop(graceMs = 45_000): Promise<OperatorExit> {
    this.expectEnd();
    this.#signal('SIGTERM');
    const killer = setTimeout(() => this.#signal('SIGKILL'), graceMs);
    const exit = await this.#ended;
    clearTimeout(killer);
    return exit;
  }

  /** SIGSTOP: it holds still, connections and all, until `thaw`. */
  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.thawedAt = Date.now();
    this.#signal('SIGCONT');
  }

  /** Waits until it has logged a line of that message. @throws when it ends before, or after `ms`. */
  async logged(msg: string, ms = 60_000): Promise<LogLine> {
    const deadline = Date.now() + ms;
    for (;;) {
      const line = this.lines.find((one) => one.msg === msg);
      if (line) return line;
      if (this.#exit || Date.now() > deadline) {
        const last = this.lines.slice(-3).map((one) => JSON.stringify(one));
        const why = this.#exit ? `ended (${JSON.stringify(this.#exit)})` : `has not said "${msg}" after ${ms} ms`;
        throw new Error(`operator ${this.name} ${why}; its last words:\n${last.join('\n')}`);
      }
      await sleep(20);
    }
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#child.kill(signal);
  }
}

function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}
