import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheRoot } from '../qdrant/engine-cache.ts';
import { runProcess } from '../qdrant/run-process.ts';

/** A set of Debian packages and the programs they must yield. */
export type PackageSet = { packages: readonly string[]; programs: readonly string[] };

export const etcdPackages: PackageSet = { packages: ['etcd-server'], programs: ['etcd'] };
export const nodePackages: PackageSet = {
  packages: ['containerd', 'runc', 'containernetworking-plugins', 'nftables', 'iptables', 'conntrack'],
  programs: ['containerd', 'containerd-shim-runc-v2', 'ctr', 'runc', 'nft', 'iptables', 'conntrack'],
};

/** The packages can't be had here; the message says why and what to do. */
export class PackagesUnavailable extends Error {
  override readonly name = 'PackagesUnavailable';
}

export type DebianOptions = { onProgress?: (line: string) => void; signal?: AbortSignal; env?: NodeJS.ProcessEnv };

/** Unpacked packages. */
export class DebianParts {
  /** Where the packages' files lie, as under `/`. */
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** Absolute path of a program of these packages, or of the machine's own; undefined when neither has it. */
  async program(name: string): Promise<string | undefined> {
    const own = ['usr/bin', 'usr/sbin', 'bin', 'sbin'].map((folder) => join(this.root, folder));
    return findProgram(name, [...own, ...machineFolders]);
  }

  /** The folder of the CNI plugins. */
  async plugins(): Promise<string> {
    for (const folder of [join(this.root, 'usr/lib/cni'), '/usr/lib/cni', '/opt/cni/bin']) {
      if (await isExecutable(join(folder, 'bridge'))) return folder;
    }
    throw new PackagesUnavailable('containernetworking-plugins holds no `bridge` plugin');
  }

  /** `base` with these programs and their libraries in front. */
  async env(base: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
    const folders = ['usr/sbin', 'usr/bin', 'sbin', 'bin'].map((folder) => join(this.root, folder));
    const libraries: string[] = [];
    for (const parent of ['usr/lib', 'lib']) {
      for (const entry of await readdir(join(this.root, parent), { withFileTypes: true }).catch(() => [])) {
        if (entry.isDirectory() && entry.name.includes('-linux-')) libraries.push(join(this.root, parent, entry.name));
      }
    }
    const xtables = libraries.map((folder) => join(folder, 'xtables'))[0];
    return {
      ...base,
      PATH: [...folders, ...machineFolders, base['PATH'] ?? ''].join(delimiter),
      ...(libraries.length === 0 ? {} : { LD_LIBRARY_PATH: libraries.join(':') }),
      ...(xtables === undefined || !(await exists(xtables)) ? {} : { XTABLES_LIBDIR: xtables }),
    };
  }
}

const machineFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * Downloads and unpacks Debian packages, with what they need and the machine lacks, into the cache. Nothing is
 * installed: the machine's own packages and services stay as they are. Throws `PackagesUnavailable`.
 */
export async function ensureDebianParts(set: PackageSet, options: DebianOptions = {}): Promise<DebianParts> {
  const { onProgress, signal, env = process.env } = options;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const key = createHash('sha256')
    .update(`${release}\0${process.arch}\0${set.packages.join(' ')}`)
    .digest('hex');
  const target = join(cacheRoot(env), 'debian', key.slice(0, 16));
  const parts = new DebianParts(target);
  if ((await exists(target)) && (await missingProgram(parts, set)) === undefined) return parts;

  onProgress?.(`fetching ${set.packages.join(', ')}`);
  const draft = `${target}.${randomUUID()}.part`;
  await mkdir(join(draft, 'archives', 'partial'), { recursive: true });
  await mkdir(join(draft, 'root'));
  try {
    await downloadPackages(set, join(draft, 'archives'), env, signal);
    for (const file of await readdir(join(draft, 'archives'))) {
      if (file.endsWith('.deb'))
        await run('dpkg', ['-x', join(draft, 'archives', file), join(draft, 'root')], env, signal);
    }
    await linkAlternatives(join(draft, 'root', 'usr/sbin'));
    const absent = await missingProgram(new DebianParts(join(draft, 'root')), set);
    if (absent !== undefined) {
      throw new PackagesUnavailable(
        `the packages ${set.packages.join(', ')} hold no \`${absent}\` and the machine has none: this Debian is not one ` +
          'that is known. Install it and run the command again.',
      );
    }
    await rm(target, { recursive: true, force: true });
    await rename(join(draft, 'root'), target).catch(async (error: unknown) => {
      // Another process was first.
      if (!(await exists(target))) throw error;
    });
    return parts;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** `iptables` is a name that the package's installation script makes, which is not run. */
async function linkAlternatives(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const plain = name.replace(/^(ip6?tables)-nft/, '$1');
    if (plain !== name && !(await exists(join(folder, plain)))) await symlink(name, join(folder, plain));
  }
}

async function missingProgram(parts: DebianParts, set: PackageSet): Promise<string | undefined> {
  for (const name of set.programs) if ((await parts.program(name)) === undefined) return name;
  return undefined;
}

/** apt itself chooses what else is needed; `--download-only` leaves the machine alone. */
async function downloadPackages(
  set: PackageSet,
  archives: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  const args = ['install', '--download-only', '--no-install-recommends', '--assume-yes', '-qq'];
  const settings = [`Dir::Cache::archives=${archives}`, 'Debug::NoLocking=1', 'APT::Sandbox::User=root'];
  const all = [...args, ...settings.flatMap((setting) => ['-o', setting]), ...set.packages];
  try {
    await run('apt-get', all, env, signal);
  } catch (error) {
    if (!(error instanceof PackagesUnavailable) || signal?.aborted === true) throw error;
    // The lists are missing on a fresh machine, and old ones name packages the archive has dropped.
    await run('apt-get', ['update', '-qq'], env, signal);
    await run('apt-get', all, env, signal);
  }
}

async function run(
  command: string,
  args: readonly string[],
  given: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  const remedy = 'This needs Debian or Ubuntu, its package archive and, to fetch the package lists, root.';
  const env = { ...given, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  try {
    const result = await runProcess(command, args, { signal, env, timeoutMs: 300_000 });
    if (result.code === 0) return;
    const said = result.stderr.trim().split('\n').slice(-5).join('\n');
    throw new PackagesUnavailable(
      `\`${command} ${args[0]}\` failed (${result.code ?? result.signal}): ${said}\n${remedy}`,
    );
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new PackagesUnavailable(`\`${command}\` is not installed. ${remedy}`);
    }
    throw error;
  }
}

/** Finds a program of the machine in the usual folders of root. */
export async function findProgram(name: string, folders = machineFolders): Promise<string | undefined> {
  for (const folder of folders) if (await isExecutable(join(folder, name))) return join(folder, name);
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
