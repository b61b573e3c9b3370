import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from '../../dev/qdrant/engine-cache.ts';
import { capture } from '../../dev/house/run.ts';

/** Versions compared with, so that figures of different days mean the same. */
export const PEER_VERSIONS = { autocannon: '9.0.0', 'qdrant-client': '1.20.0', 'vectordb-bench': '2.0.0' } as const;

/** Another tool, ready to be run; or why it is not here. */
export type Peer<T> = { found: T } | { missing: string };

/** A folder in the cache, made once by `make`, which is told where to make it. */
async function once(name: string, make: (folder: string) => Promise<string | undefined>): Promise<Peer<string>> {
  const folder = join(cacheRoot(process.env), 'peers', name);
  if (existsSync(join(folder, 'complete'))) return { found: folder };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const trouble = await make(folder);
  if (trouble !== undefined) return { missing: trouble };
  writeFileSync(join(folder, 'complete'), '');
  return { found: folder };
}

/** Runs a program; what it complained of when it failed. */
async function trouble(program: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { code, output } = await capture(program, args);
    const lines = output.trim().split('\n');
    return code === 0 ? undefined : `${program} ended with ${code}: ${lines.at(-1)?.slice(0, 200) ?? ''}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A Python of its own with packages: the path of its interpreter. */
export async function pythonWith(name: keyof typeof PEER_VERSIONS): Promise<Peer<string>> {
  const wanted = `${name}==${PEER_VERSIONS[name]}`;
  // A virtual environment knows its own path: it is made where it stays.
  const made = await once(`python-${name}-${PEER_VERSIONS[name]}`, async (folder) => {
    const env = await trouble('python3', '-m', 'venv', join(folder, 'venv'));
    if (env !== undefined) return env;
    const extras = name === 'vectordb-bench' ? [`qdrant-client==${PEER_VERSIONS['qdrant-client']}`] : [];
    return trouble(join(folder, 'venv/bin/python'), '-m', 'pip', 'install', '--quiet', wanted, ...extras);
  });
  return 'found' in made ? { found: join(made.found, 'venv/bin/python') } : made;
}

/** The folder whose node_modules has autocannon. */
export function autocannonFolder(): Promise<Peer<string>> {
  return once(`autocannon-${PEER_VERSIONS.autocannon}`, (folder) => {
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
    return trouble(
      'npm',
      'install',
      '--no-audit',
      '--no-fund',
      '--prefix',
      folder,
      `autocannon@${PEER_VERSIONS.autocannon}`,
    );
  });
}

/** wrk: the machine's own, or out of Debian's package, unpacked and not installed. */
export async function wrkCommand(): Promise<Peer<{ program: string; libraries: string }>> {
  if ((await trouble('sh', '-c', 'command -v wrk')) === undefined) return { found: { program: 'wrk', libraries: '' } };
  const made = await once('wrk', async (folder) => {
    const script =
      'cd "$1" && apt-get download wrk libluajit-5.1-2 && for d in *.deb; do dpkg-deb -x "$d" root; done && rm *.deb';
    return trouble('sh', '-c', script, 'sh', folder);
  });
  if ('missing' in made) return made;
  const root = join(made.found, 'root/usr');
  return { found: { program: join(root, 'bin/wrk'), libraries: join(root, `lib/${gnuArchitecture()}-linux-gnu`) } };
}

function gnuArchitecture(): string {
  return process.arch === 'arm64' ? 'aarch64' : 'x86_64';
}
