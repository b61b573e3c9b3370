import { readdir, readFile, mkdir, rmdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A mounted cgroup hierarchy: version 1 has several, each with its controllers; version 2 one. */
export type Hierarchy = { mount: string; version: 1 | 2; controllers: string[] };

/** What a kubelet cannot do without. */
const needed = ['cpu', 'memory', 'pids'];

/** The machine's cgroup hierarchies, from `/proc/self/mountinfo`. */
export async function hierarchies(): Promise<Hierarchy[]> {
  const found: Hierarchy[] = [];
  for (const line of (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const mount = before.split(' ')[4];
    const [type, , options = ''] = after.split(' ');
    if (mount === undefined) continue;
    if (type === 'cgroup') {
      const controllers = options.split(',').filter((option) => !['rw', 'ro'].includes(option));
      found.push({ mount, version: 1, controllers });
    } else if (type === 'cgroup2') {
      const text = await readFile(join(mount, 'cgroup.controllers'), 'utf8').catch(() => '');
      found.push({ mount, version: 2, controllers: text.trim().split(' ').filter(Boolean) });
    }
  }
  return found;
}

/** Why a kubelet cannot work with these; undefined when it can. */
export function cgroupProblem(found: readonly Hierarchy[]): string | undefined {
  const missing = needed.filter((name) => !found.some(({ controllers }) => controllers.includes(name)));
  if (missing.length === 0) return undefined;
  return `the cgroup controllers ${missing.join(', ')} are missing: a container or an old kernel hides them`;
}

/** Whether pods can have cores of their own: the first CPU stays for the cluster's parts. */
export function canPinCpus(found: readonly Hierarchy[]): boolean {
  const all = cpus().length;
  // In a container that has some of the CPUs only, kubelet would still hand out all.
  return all >= 2 && availableParallelism() === all && found.some(({ controllers }) => controllers.includes('cpuset'));
}

/** The version 2 hierarchy beside version 1 ones is systemd's and has no controllers. */
function usable(found: readonly Hierarchy[]): Hierarchy[] {
  const one = found.filter(({ version }) => version === 1);
  return one.length > 0 ? one : found.filter(({ version }) => version === 2);
}

/** Makes the group `name` in every hierarchy, with the controllers its children need. */
export async function makeCgroup(name: string): Promise<void> {
  for (const { mount, version, controllers } of usable(await hierarchies())) {
    const folder = join(mount, name);
    if (version === 2) {
      for (const controller of controllers) {
        await writeFile(join(mount, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined);
      }
    }
    await mkdir(folder, { recursive: true });
    if (version === 1 && controllers.includes('cpuset')) {
      // A new cpuset is empty, and no process may enter an empty one.
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        await writeFile(join(folder, file), await readFile(join(mount, file), 'utf8'));
      }
    }
  }
}

/** The group's folders in all hierarchies that have it, and everything below, innermost first. */
async function folders(name: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
    if (entries === undefined) return;
    for (const entry of entries) if (entry.isDirectory()) await walk(join(folder, entry.name));
    found.push(folder);
  };
  for (const { mount } of await hierarchies()) await walk(join(mount, name));
  return found;
}

/** Kills every process in the group `name`, waits for their end, and removes the group. */
export async function removeCgroup(name: string, waitMs = 20_000): Promise<void> {
  const until = Date.now() + waitMs;
  for (;;) {
    const left = await folders(name);
    if (left.length === 0) return;
    for (const folder of left) {
      const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const pid of text.split('\n').filter((line) => line !== '' && line !== '0')) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It ended in between.
        }
      }
    }
    for (const folder of left) await rmdir(folder).catch(() => undefined);
    if (Date.now() > until) throw new Error(`cgroup ${name} cannot be removed: processes in it do not end`);
    await sleep(50);
  }
}
