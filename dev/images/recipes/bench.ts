import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installedPackages, productionPackages, runs, shipped, type Lock } from '../production-modules.ts';
import type { Made, MakeOptions, Recipe } from '../recipe.ts';
import { NONROOT, Rootfs } from '../rootfs.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');

/** Our folders that run in a cluster. */
const FOLDERS = ['crds', 'loadgen', 'operator'];

/** Kept apart from /app's code, so that an edit does not make a layer of all dependencies anew. */
async function dependencies(root: string): Promise<Rootfs> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const rootfs = new Rootfs();
  for (const key of installedPackages(root, lock, productionPackages(lock))) {
    await rootfs.tree(`/app/${key}`, join(root, key), runs);
  }
  return rootfs;
}

async function application(root: string): Promise<Rootfs> {
  const rootfs = new Rootfs();
  for (const folder of FOLDERS) {
    if (existsSync(join(root, folder))) await rootfs.tree(`/app/${folder}`, join(root, folder), shipped);
  }
  for (const name of ['package.json', 'LICENSE']) {
    if (existsSync(join(root, name))) rootfs.file(`/app/${name}`, { file: join(root, name) });
  }
  return rootfs;
}

/** The Node that the lockfile pins, or the one that runs this where it has none for the platform. */
export function nodeBinary(root = CHECKOUT): string {
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  return existsSync(pinned) ? pinned : process.execPath;
}

/** The operator and the load generator: /app runs without a writable root filesystem and without root. */
export async function makeBench({ signal }: MakeOptions, root = CHECKOUT): Promise<Made> {
  const node = await new Rootfs().system().program('/usr/local/bin/node', nodeBinary(root), signal);
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return {
    version,
    tagByContent: true,
    spec: {
      layers: [node.entries(), (await dependencies(root)).entries(), (await application(root)).entries()],
      config: {
        Entrypoint: ['/usr/local/bin/node'],
        Cmd: ['/app/operator/main.ts'],
        Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_ENV=production', 'HOME=/tmp'],
        WorkingDir: '/app',
        User: `${NONROOT}:${NONROOT}`,
      },
    },
  };
}

export const bench: Recipe = {
  repository: 'qdrant-bench',
  summary: 'the operator and the load generator, with Node',
  make: (options) => makeBench(options),
};
