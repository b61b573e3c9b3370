import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main, statusText } from './main.ts';

let folder: string;
let said: string;
const run = (...args: string[]): Promise<number> =>
  main(
    args,
    (text) => {
      said += text;
    },
    new AbortController().signal,
  );

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cluster-main-'));
  said = '';
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the command line', () => {
  it('explains itself', async () => {
    expect(await run('--help')).toBe(0);
    for (const command of ['up', 'down', 'status', 'kubeconfig', 'load IMAGE_TAR', 'logs [PART]']) {
      expect(said).toContain(`npm run cluster -- ${command}`);
    }
  });

  it.each([
    [[], 'the command is missing, expected one of up, down'],
    [['jump'], 'the command is `jump`'],
    [['load'], '`load` needs the path'],
    [['up', 'high'], '`up` does not take `high`'],
    [['load', 'a', 'b'], '`load` does not take `b`'],
    [['logs', '--lines', '0'], '--lines is `0`'],
    [['up', '--fast'], 'fast'],
  ])('%j is refused', async (args, message) => {
    expect(await run(...args)).toBe(2);
    expect(said).toContain(message);
    expect(said).toContain('Try --help.');
  });

  it('says when there is no cluster', async () => {
    const dir = join(folder, 'none');
    expect(await run('status', '--state-dir', dir)).toBe(1);
    expect(await run('kubeconfig', '--state-dir', dir)).toBe(1);
    expect(await run('logs', '--state-dir', dir)).toBe(0);
    expect(await run('logs', 'kubelet', '--state-dir', dir)).toBe(1);
    expect(await run('load', '/no/such.tar', '--state-dir', dir)).toBe(1);
    expect(said).toBe(
      `no cluster (its state would be in ${dir})\n` +
        'there is no cluster here: start one with `npm run cluster -- up`\n' +
        'no logs: there is no cluster\n' +
        'no log of `kubelet`, expected one of none yet\n' +
        'image archive `/no/such.tar` cannot be read: name a .tar file of an OCI image layout\n',
    );
  });

  it('refuses a state directory that sockets do not fit into', async () => {
    expect(await run('status', '--state-dir', 'here')).toBe(1);
    expect(said).toContain('`here`, expected an absolute path');
  });

  it('prints the logs there are', async () => {
    await mkdir(join(folder, 'logs'));
    await writeFile(join(folder, 'logs', 'etcd.log'), 'one\ntwo\nthree\n');
    expect(await run('logs', '--state-dir', folder)).toBe(0);
    expect(await run('logs', 'etcd', '--lines', '2', '--state-dir', folder)).toBe(0);
    expect(said).toBe(`etcd\t${join(folder, 'logs', 'etcd.log')}\ntwo\nthree\n`);
  });

  it('never empties a folder that no cluster made', async () => {
    await writeFile(join(folder, 'thesis.tex'), 'years of work');
    expect(await run('down', '--state-dir', folder)).toBe(1);
    expect(said).toContain('holds thesis.tex but no state.json');
  });
});

describe('the status', () => {
  const base = { stateDir: '/s', kubeconfig: '/s/k', auditLog: '/s/a', url: 'https://n:6443', node: 'n' };

  it('of a running cluster says how to use it', () => {
    const parts = [{ name: 'etcd', pid: 7, alive: true, log: '/s/logs/etcd.log' }];
    const text = statusText({ ...base, state: 'running', cpuPolicy: 'static', parts });
    expect(text).toContain('export KUBECONFIG=/s/k');
    expect(text).toContain('CPU 0 for the cluster');
    expect(text).toMatch(/etcd +process 7/);
  });

  it('of a broken one says what is wrong', () => {
    const parts = [{ name: 'etcd', pid: 7, alive: false, log: '' }];
    const text = statusText({ ...base, state: 'broken', problem: 'etcd ended', cpuPolicy: 'none', parts });
    expect(text).toContain('broken: etcd ended');
    expect(text).not.toContain('export');
    expect(text).toMatch(/etcd +ended/);
  });
});
