import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from '../../qdrant/run-process.ts';
import { blobPath, type ImageConfig } from '../oci.ts';
import { readImage } from '../read-image.ts';

/** A process in an unpacked image. */
export type Running = {
  /** All it has printed. */
  output(): string;
  /** Resolves with the exit code when it has ended, 128 + n after a signal. */
  exited: Promise<number>;
  /** Signals the first process of the container. */
  kill(signal: NodeJS.Signals): Promise<void>;
};

export type Unpacked = {
  config: ImageConfig;
  root: string;
  /** Starts it as a container, but in this machine's network. */
  start(options?: StartOptions): Running;
  remove(): Promise<void>;
};

export type StartOptions = {
  /** Instead of the image's entry point and its arguments. */
  command?: string[];
  /** Instead of the image's arguments. */
  args?: string[];
  env?: Record<string, string>;
  /** Folders with a writable, empty filesystem; /tmp always has one. */
  writable?: string[];
  /** Folders of this machine, by where they are seen. */
  volumes?: Record<string, string>;
};

/**
 * Runs in namespaces of its own: the root filesystem read-only, as pods have it. $1 root, $2 user, $3 group, $4 working
 * directory, then writable folders up to `--`, then `inside outside` pairs up to `--`, then the command.
 */
const CONTAINER = `
set -e
root=$1 user=$2 group=$3 folder=$4; shift 4
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
[ ! -d "$root/proc" ] || mount -t proc proc "$root/proc"
[ ! -d "$root/dev" ] || mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do mount -t tmpfs -o mode=1777 tmpfs "$root$1"; shift; done; shift
while [ "$1" != -- ]; do mount --bind "$2" "$root$1"; shift 2; done; shift
exec env -u IMAGE_PATH PATH="$IMAGE_PATH" "$(command -v setpriv)" --no-new-privs "$(command -v unshare)" \\
  --root="$root" --wd="$folder" --setgid="$group" --setuid="$user" -- "$@"
`;

/** Why images cannot be tried on this machine; undefined when they can. */
export async function whyNotHere(): Promise<string | undefined> {
  if (process.platform !== 'linux') return `containers need Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'unpacking an image with its owners needs root';
  const probe = await runProcess('unshare', ['--mount', '--pid', '--fork', 'true'], {}).catch(() => undefined);
  return probe?.code === 0 ? undefined : 'this machine does not let root make mount and process namespaces';
}

/** Unpacks an image's tar with this machine's tar, which knows nothing of our own reader and writer. */
export async function unpack(tar: string): Promise<Unpacked> {
  const image = await readImage(tar);
  const folder = await mkdtemp(join(tmpdir(), 'qdrant-bench-image-'));
  const layout = join(folder, 'layout');
  const root = join(folder, 'root');
  await mkdir(layout);
  await mkdir(root);
  await extract(tar, layout);
  type Index = { manifests: { digest: string }[] };
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Index;
  if (index.manifests[0]?.digest !== image.digest) throw new Error('index.json names another image');
  for (const layer of image.layers) await extract(join(layout, blobPath(layer.digest)), root);
  await rm(layout, { recursive: true });
  return {
    config: image.config,
    root,
    start: (options = {}) => start(root, image.config, options),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function extract(archive: string, folder: string): Promise<void> {
  const { code, stderr } = await runProcess('tar', [
    '--extract',
    '--preserve-permissions',
    '--same-owner',
    `--file=${archive}`,
    `--directory=${folder}`,
  ]);
  if (code !== 0) throw new Error(`tar could not extract ${archive}: ${stderr}`);
}

function start(root: string, config: ImageConfig, options: StartOptions): Running {
  const [user = '0', group = user] = (config.User ?? '0:0').split(':');
  const writable = [...(existsSync(join(root, 'tmp')) ? ['/tmp'] : []), ...(options.writable ?? [])];
  const volumes = Object.entries(options.volumes ?? {}).flat();
  const command = options.command ?? [...(config.Entrypoint ?? []), ...(options.args ?? config.Cmd ?? [])];
  const { PATH: imagePath = '', ...env } = Object.fromEntries((config.Env ?? []).map((pair) => split(pair)));
  const shell = ['sh', '-c', CONTAINER, 'container', root, user, group, config.WorkingDir ?? '/'];
  const child = spawn(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', ...shell, ...writable, '--', ...volumes, '--', ...command],
    {
      env: { ...env, ...options.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, IMAGE_PATH: imagePath },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  return {
    output: () => output,
    exited,
    async kill(signal) {
      const first = await childOf(child.pid);
      if (first !== undefined) process.kill(first, signal);
    },
  };
}

/** The only child of a process; undefined when it has ended. */
async function childOf(pid: number | undefined): Promise<number | undefined> {
  const list = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').catch(() => '');
  const first = Number.parseInt(list, 10);
  return Number.isNaN(first) ? undefined : first;
}

function split(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
}
