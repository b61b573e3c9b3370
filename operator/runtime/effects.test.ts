import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Effects, isElection, NotLeading, parseFault, type EffectsOptions, type Fault } from './effects.ts';

function performing(options: EffectsOptions = {}) {
  const effects = new Effects();
  const done: string[] = [];
  effects.configure(options);
  const write = (what: string) => effects.perform(what, () => (done.push(what), Promise.resolve(`${what}!`)));
  return { effects, done, write };
}

describe('effects', () => {
  it('are carried out, numbered, and told of with their outcome', async () => {
    const told: unknown[] = [];
    const lines: unknown[] = [];
    const { effects, write } = performing({
      onWrite: (...outcome) => told.push(outcome),
      log: { debug: (line: unknown) => void lines.push(line) },
    });
    expect(await write('kube create Job')).toBe('kube create Job!');
    await expect(effects.perform('store runs', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await effects.perform('bus ack', () => 7)).toBe(7);
    expect(told).toEqual([
      ['kube create Job', 'done'],
      ['store runs', 'failed'],
      ['bus ack', 'done'],
    ]);
    expect(lines).toEqual([
      { number: 1, what: 'kube create Job', outcome: 'done' },
      { number: 2, what: 'store runs', outcome: 'failed' },
      { number: 3, what: 'bus ack', outcome: 'done' },
    ]);
    expect(effects.count).toBe(3);
  });

  it('that come by the clock have no number', async () => {
    const { effects, write } = performing();
    for (const what of ['election patch Lease', 'bus in progress', 'kube patch Lease']) await write(what);
    expect(effects.count).toBe(1);
  });

  it('are not begun by who may not write', async () => {
    const { done, write, effects } = performing({ mayWrite: isElection });
    await expect(write('kube create Job')).rejects.toThrow(NotLeading);
    await expect(write('kube create Job')).rejects.toMatchObject({ reason: 'NotLeading' });
    await write('election patch Lease');
    expect(done).toEqual(['election patch Lease']);
    expect(effects.count).toBe(0);
  });

  it('are counted from the beginning when they are configured anew', async () => {
    const { effects, write } = performing();
    await write('a');
    effects.configure({});
    expect(effects.count).toBe(0);
  });
});

describe('a fault', () => {
  it.each<[string, Fault]>([
    ['kill-after:1', { mode: 'kill-after', at: 1 }],
    ['kill-before-answer:250', { mode: 'kill-before-answer', at: 250 }],
  ])('%s is read', (text, fault) => {
    expect(parseFault(text)).toEqual(fault);
  });

  it.each([
    '',
    'kill-after',
    'kill-after:0',
    'kill-after:-1',
    'kill-after:1.5',
    'kill:1',
    'kill-after:1 ',
    'kill-after:1e3',
  ])('%o is refused', (text) => {
    expect(() => parseFault(text)).toThrow('expected kill-after:N or kill-before-answer:N');
  });

  it('comes for a write that failed, too, and lets nothing else begin', async () => {
    for (const mode of ['kill-after', 'kill-before-answer'] as const) {
      let killed = 0;
      const { done, write, effects } = performing({ fault: { mode, at: 2 }, kill: () => void (killed += 1) });
      await write('one');
      let answered = false;
      void effects.perform('two', () => Promise.reject(new Error('refused'))).catch(() => void (answered = true));
      await new Promise((resolve) => setImmediate(resolve));
      void write('three');
      await new Promise((resolve) => setImmediate(resolve));
      expect(killed).toBe(1);
      expect(answered).toBe(mode === 'kill-after');
      expect(done).toEqual(['one']);
    }
  });

  // A process of its own that notes what it has done, what it was told, and would go on for ever.
  const program = `
    import { appendFileSync } from 'node:fs';
    import { effects, parseFault } from '${join(import.meta.dirname, 'effects.ts')}';
    const note = (line) => appendFileSync(process.argv[1], line + ' ');
    effects.configure({ fault: parseFault(process.argv[2]) });
    for (let n = 1; ; n += 1) {
      await effects.perform('write', async () => { await new Promise((go) => setTimeout(go, 1)); note('did' + n); });
      note('heard' + n);
    }`;
  it.each([
    ['kill-after:2', 'did1 heard1 did2 heard2 '],
    ['kill-before-answer:2', 'did1 heard1 did2 '],
  ])('%s kills the process, which has then noted: %s', async (fault, noted) => {
    const folder = mkdtempSync(join(tmpdir(), 'effects-'));
    try {
      const file = join(folder, 'notes');
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, file, fault], { stdio: 'inherit' });
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
      expect(readFileSync(file, 'utf8')).toBe(noted);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
