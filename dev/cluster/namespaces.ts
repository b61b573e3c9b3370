import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProcess } from '../qdrant/run-process.ts';
import { identify, isAlive, type ProcessId, startDetached, stopProcess } from './process.ts';

/**
 * A cluster lives in a network and a mount namespace of its own, which one sleeping process holds: everything it
 * mounts, and every address and packet rule, is gone when its last process is.
 */
export type Holder = ProcessId & { mountNamespace: string };

/** Folders that container programs insist on; inside the namespace each is a folder of the state directory. */
const insisted = ['/var/lib/kubelet', '/var/lib/cni', '/run/containerd', '/var/log/pods', '/var/log/containers'];

/** The command line that runs a program inside. */
export function inside(holder: ProcessId, command: string, args: readonly string[]): [string, string[]] {
  return ['nsenter', ['--target', String(holder.pid), '--net', '--mount', '--', command, ...args]];
}

/** Runs a program, and throws with what it said when it fails. */
export async function must(command: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const result = await runProcess(command, args, { signal, timeoutMs: 60_000 });
  if (result.code === 0) return result.stdout;
  const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000);
  throw new Error(`\`${command} ${args.join(' ')}\` failed (${result.code ?? result.signal}): ${said}`);
}

/** Runs a program inside, and throws with what it said when it fails. */
export async function mustInside(holder: ProcessId, command: string, args: readonly string[]): Promise<string> {
  return must(...inside(holder, command, args));
}

/** A folder's name below `mounts` in the state directory. */
const mountName = (folder: string): string => folder.slice(1).replaceAll('/', '-');

/** The insisted folders that some cluster has mounted now. */
function mountedSomewhere(): Set<string> {
  const found = new Set<string>();
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const line of linesOf(`/proc/${pid}/mountinfo`)) {
      const [, , , root = '', point = ''] = line.split(' ');
      if (insisted.includes(point) && root.endsWith(`/mounts/${mountName(point)}`)) found.add(point);
    }
  }
  return found;
}

/**
 * Makes the folders that must exist as mount points. Resolves with those that no one but clusters made, outermost
 * first, for `removeMountPoints`.
 */
export async function makeMountPoints(): Promise<string[]> {
  const made = [...mountedSomewhere()].filter((folder) => isEmpty(folder));
  for (const folder of insisted) {
    const missing: string[] = [];
    for (let path = folder; !(await exists(path)); path = dirname(path)) missing.unshift(path);
    for (const path of missing) {
      await mkdir(path);
      made.push(path);
    }
  }
  return made;
}

/**
 * Removes such folders, unless somebody has put something into them or another cluster needs them: removing a folder
 * takes away what is mounted on it in other namespaces.
 */
export async function removeMountPoints(made: readonly string[]): Promise<void> {
  const inUse = mountedSomewhere();
  for (const path of made.toReversed()) if (!inUse.has(path)) await rmdir(path).catch(() => undefined);
}

/** Starts the holder and sets up its mounts. */
export async function startHolder(stateDir: string, log: string): Promise<Holder> {
  const own = readlinkSync('/proc/self/ns/mnt');
  const args = ['--net', '--mount', '--propagation', 'slave', '--', 'sleep', 'infinity'];
  const id = await startDetached('unshare', args, { log });
  const until = Date.now() + 10_000;
  let mountNamespace = own;
  while (mountNamespace === own || commandOf(id.pid) !== 'sleep') {
    if (!isAlive(id) || Date.now() > until) throw new Error(`no new network and mount namespace: see ${log}`);
    await sleep(10);
    mountNamespace = namespaceOf(id.pid) ?? own;
  }
  try {
    // Volumes that a pod mounts must reach the others, and nothing this machine sees.
    await mustInside(id, 'mount', ['--make-rshared', '/']);
    for (const folder of insisted) {
      const source = join(stateDir, 'mounts', mountName(folder));
      await mkdir(source, { recursive: true });
      await mustInside(id, 'mount', ['--bind', source, folder]);
    }
  } catch (error) {
    await stopProcess(id, 0);
    throw error;
  }
  return { ...id, mountNamespace };
}

/** Whether the holder still holds. */
export function holds(holder: Holder): boolean {
  return isAlive(holder) && namespaceOf(holder.pid) === holder.mountNamespace;
}

/**
 * All processes of a mount namespace, or none when no `witness`, a process that was started in it, is left there: then
 * its number may be another's by now.
 */
export function membersOf(mountNamespace: string, witnesses: readonly ProcessId[]): ProcessId[] {
  const certain = witnesses.some((id) => isAlive(id) && namespaceOf(id.pid) === mountNamespace);
  return certain ? processesIn(mountNamespace) : [];
}

/** All processes of a mount namespace such as `mnt:[4026532345]`. */
export function processesIn(mountNamespace: string): ProcessId[] {
  const found: ProcessId[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || namespaceOf(Number(name)) !== mountNamespace) continue;
    const id = identify(Number(name));
    if (id !== undefined) found.push(id);
  }
  return found;
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/^.*\//, '');
  } catch {
    return undefined;
  }
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
