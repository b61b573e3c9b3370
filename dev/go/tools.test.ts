import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheRoot } from '../qdrant/engine-cache.ts';
import { goVersion, moduleDir } from './go-build.ts';
import * as programs from './programs.ts';
import { readPins } from './releases.ts';
import { ensureGoTools, goTools, haveGoTools, ToolsUnavailable } from './tools.ts';

let folder: string;
let env: NodeJS.ProcessEnv;
let dir: string;

/** A Go that "builds" programs which know every version, and writes down what it was asked for. */
const fakeGo = (version: string, build = ''): string => `#!/bin/sh
if [ "$1" = env ]; then echo "${version}"; exit; fi
echo "$@" >> "${folder}/builds"
echo 'k8s.io/some/package' >&2
${build}
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho v1.36.3 v2.15.2 v3.22.0 1.14.7 v0.0.30\\n' > "$2"
chmod 755 "$2"`;

async function withGo(version = 'go1.26.8', build = ''): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin', 'go'), fakeGo(version, build));
  await chmod(join(folder, 'bin', 'go'), 0o755);
  env['PATH'] = [join(folder, 'bin'), '/usr/bin', '/bin'].join(delimiter);
}

const builds = async (): Promise<string[]> =>
  (await readFile(join(folder, 'builds'), 'utf8').catch(() => '')).split('\n').filter(Boolean);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'go-tools-'));
  dir = join(folder, 'module');
  await mkdir(dir);
  for (const file of ['go.mod', 'go.sum', 'releases.json']) await copyFile(join(moduleDir, file), join(dir, file));
  env = { PATH: join(folder, 'empty'), XDG_CACHE_HOME: join(folder, 'cache') };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('programs', () => {
  it('are built once, only those that are asked for, and then taken from the cache', async () => {
    await withGo();
    const lines: string[] = [];
    const first = await ensureGoTools(['kubectl', 'nats-server'], { env, dir, onProgress: (line) => lines.push(line) });
    expect(Object.keys(first).toSorted()).toEqual(['kubectl', 'nats-server']);
    expect(first.kubectl.startsWith(cacheRoot(env))).toBe(true);
    expect(lines[0]).toBe('building kubectl from source; this takes some minutes the first time');
    expect(await ensureGoTools(['nats-server', 'kubectl'], { env, dir })).toEqual(first);
    expect((await builds()).map((line) => line.split(' ').at(-1))).toEqual([
      'k8s.io/kubernetes/cmd/kubectl',
      'github.com/nats-io/nats-server/v2',
    ]);
    expect((await builds())[0]).toContain(
      '-trimpath -ldflags -s -w -X k8s.io/component-base/version.gitVersion=v1.36.3',
    );
    expect((await readdir(join(first.kubectl, '..'))).toSorted()).toEqual(['kubectl', 'nats-server']);
  });

  it('are built again when they are damaged, when go.sum changes and when Go does; old sets go', async () => {
    await withGo();
    const { kubectl } = await ensureGoTools(['kubectl'], { env, dir });
    await writeFile(kubectl, 'torn');
    expect(await ensureGoTools(['kubectl'], { env, dir })).toEqual({ kubectl });
    expect(await builds()).toHaveLength(2);
    for (const text of ['one', 'two', 'three']) {
      await writeFile(join(dir, 'go.sum'), text);
      await ensureGoTools(['kubectl'], { env, dir });
    }
    expect(await builds()).toHaveLength(5);
    expect(await readdir(join(cacheRoot(env), 'go-tools'))).toHaveLength(2);
  });

  it('that are in the cache need no Go', async () => {
    await withGo();
    const made = await ensureGoTools(['helm'], { env, dir });
    env['PATH'] = join(folder, 'empty');
    expect(await haveGoTools(['helm'], { env, dir })).toBe(true);
    expect(await haveGoTools(['helm', 'kubelet'], { env, dir })).toBe(false);
    expect(await ensureGoTools(['helm'], { env, dir })).toEqual(made);
  });

  it('are built where a pinned release was not to be had a moment ago', async () => {
    await withGo();
    const system = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
    await writeFile(join(dir, 'releases.json'), JSON.stringify({ [`kubectl v1.36.3 ${system}`]: '0'.repeat(64) }));
    const memory = join(cacheRoot(env), 'release-servers');
    await mkdir(memory, { recursive: true });
    await writeFile(join(memory, 'unreachable-dl.k8s.io'), '');
    const lines: string[] = [];
    await ensureGoTools(['kubectl'], { env, dir, onProgress: (line) => lines.push(line) });
    expect(lines.slice(0, 2)).toEqual([
      'fetching kubectl',
      'no release of kubectl from dl.k8s.io; building it instead',
    ]);
    expect(await builds()).toHaveLength(1);
  });
});

describe('what is missing is said, with what to do', () => {
  it.each([
    ['no Go', undefined, /Go is not installed\. Install Go 1\.26 or newer/],
    ['an old Go', 'go1.21.3', /Go is 1\.21\.3, Kubernetes needs 1\.26\. Install/],
    ['a Go that says nothing', '', /`go env GOVERSION` failed/],
  ])('%s', async (_, version, message) => {
    if (version !== undefined) await withGo(version);
    const asked = ensureGoTools(['kubectl'], { env, dir });
    await expect(asked).rejects.toThrow(ToolsUnavailable);
    await expect(asked).rejects.toThrow(message);
  });

  it('a build that fails', async () => {
    await withGo('go1.26.8', 'echo "dial tcp: no route to host" >&2; exit 1');
    const asked = ensureGoTools(['kubectl'], { env, dir });
    await expect(asked).rejects.toThrow(/Building kubectl failed \(1\).*module proxy.*no route to host/s);
    const sets = await readdir(join(cacheRoot(env), 'go-tools'), { recursive: true });
    expect(sets.filter((name) => name.includes('kubectl'))).toEqual([]);
  });

  it('a build of another version', async () => {
    await withGo(
      'go1.26.8',
      'printf "#!/bin/sh\\necho v0.0.0\\n" > "$9"; while [ "$1" != -o ]; do shift; done; printf "#!/bin/sh\\necho v0.0.0\\n" > "$2"; chmod 755 "$2"; exit 0',
    );
    await expect(ensureGoTools(['kubectl'], { env, dir })).rejects.toThrow('does not say v1.36.3');
  });
});

describe('the pins', () => {
  it('of dev/go are digests, and programs.ts names the versions of go.mod', async () => {
    await readPins(join(moduleDir, 'releases.json'));
    const mod = await readFile(join(moduleDir, 'go.mod'), 'utf8');
    const { kubernetesVersion, natsVersion, helmVersion, corednsVersion, localPathVersion } = programs;
    for (const line of [
      `k8s.io/kubernetes v${kubernetesVersion}`,
      `github.com/nats-io/nats-server/v2 v${natsVersion}`,
      `helm.sh/helm/v3 v${helmVersion}`,
      `github.com/coredns/coredns v${corednsVersion}`,
      `github.com/rancher/local-path-provisioner v${localPathVersion}`,
    ]) {
      expect(mod).toContain(`${line} `);
    }
    for (const name of goTools) expect(mod).toContain(`\t${programs.programs[name].package}\n`);
  });

  it.each([
    ['linux-amd64', 'https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubelet'],
    ['darwin-arm64', 'https://dl.k8s.io/release/v1.36.3/bin/darwin/arm64/kubelet'],
  ])('are of files such as the kubelet for %s', (system, url) => {
    expect(programs.programs.kubelet.release?.(system)).toBe(url);
  });

  it('are refused when they are no digests', async () => {
    await writeFile(join(dir, 'releases.json'), '{"kubectl v1.36.3 linux-amd64":"abc"}');
    await expect(readPins(join(dir, 'releases.json'))).rejects.toThrow('`kubectl v1.36.3 linux-amd64` is `abc`');
  });
});

it.each([
  ['go1.26.8', [1, 26]],
  ['go1.27-devel_1234', [1, 27]],
  ['devel', undefined],
])('reads the version %s', (text, version) => {
  expect(goVersion(text)).toEqual(version);
});
