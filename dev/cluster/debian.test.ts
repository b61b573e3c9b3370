import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureDebianParts, PackagesUnavailable } from './debian.ts';

let folder: string;
let env: NodeJS.ProcessEnv;
const set = { packages: ['some-package'], programs: ['some-program', 'iptables-like'] };

async function script(name: string, text: string): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`);
  await chmod(join(folder, 'bin', name), 0o755);
}

/** An apt that "downloads" one package, after \`update\` when told so; and a dpkg that unpacks it. */
async function withApt(needsUpdate: boolean, programs = set.programs): Promise<void> {
  await script(
    'apt-get',
    `echo "$1" >> "${folder}/calls"
if [ "$1" = update ]; then touch "${folder}/updated"; exit; fi
${needsUpdate ? `[ -e "${folder}/updated" ] || { echo "E: Unable to locate package" >&2; exit 100; }` : ''}
for word; do case $word in Dir::Cache::archives=*) touch "\${word#*=}/some_1.deb";; esac; done`,
  );
  const files = programs.map((name) => `printf '#!/bin/sh' > "$3/usr/sbin/${name}"; chmod 755 "$3/usr/sbin/${name}"`);
  await script('dpkg', ['mkdir -p "$3/usr/sbin" "$3/usr/lib/x86_64-linux-gnu/xtables"', ...files].join('\n'));
  env['PATH'] = [join(folder, 'bin'), '/usr/bin', '/bin'].join(delimiter);
}

const calls = async (): Promise<string[]> =>
  (await readFile(join(folder, 'calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'debian-'));
  env = { PATH: join(folder, 'empty'), XDG_CACHE_HOME: join(folder, 'cache') };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('Debian packages', () => {
  it('are unpacked into the cache once, and put in front of the machine', async () => {
    await withApt(false);
    const parts = await ensureDebianParts(set, { env });
    expect(await parts.program('some-program')).toBe(join(parts.root, 'usr/sbin/some-program'));
    expect(await parts.program('sh')).toMatch(/^\/(usr\/)?bin\/sh$/);
    expect(await parts.program('no-such-program')).toBeUndefined();
    const found = await parts.env({ PATH: '/x', HOME: '/h' });
    expect(found['PATH']?.startsWith(join(parts.root, 'usr/sbin'))).toBe(true);
    expect(found['LD_LIBRARY_PATH']).toBe(join(parts.root, 'usr/lib/x86_64-linux-gnu'));
    expect(found['XTABLES_LIBDIR']).toBe(join(parts.root, 'usr/lib/x86_64-linux-gnu/xtables'));
    expect(found['HOME']).toBe('/h');
    expect((await ensureDebianParts(set, { env })).root).toBe(parts.root);
    expect(await calls()).toEqual(['install']);
    expect(await readdir(join(folder, 'cache/qdrant-bench/debian'))).toHaveLength(1);
  });

  it('are fetched again when one of their programs is gone', async () => {
    await withApt(false);
    const parts = await ensureDebianParts(set, { env });
    await rm(join(parts.root, 'usr/sbin/some-program'));
    await ensureDebianParts(set, { env });
    expect(await parts.program('some-program')).toBeDefined();
    expect(await calls()).toEqual(['install', 'install']);
  });

  it('are found after the lists were fetched', async () => {
    await withApt(true);
    await ensureDebianParts(set, { env });
    expect(await calls()).toEqual(['install', 'update', 'install']);
  });

  it('get the names their installation would give them', async () => {
    await withApt(false, ['iptables-nft', 'iptables-nft-save', 'some-program', 'iptables-like']);
    const parts = await ensureDebianParts(set, { env });
    expect(await parts.program('iptables')).toBe(join(parts.root, 'usr/sbin/iptables'));
    expect(await parts.program('iptables-save')).toBe(join(parts.root, 'usr/sbin/iptables-save'));
  });
});

describe('what is missing is said', () => {
  it('no apt', async () => {
    const asked = ensureDebianParts(set, { env });
    await expect(asked).rejects.toThrow(PackagesUnavailable);
    await expect(asked).rejects.toThrow('`apt-get` is not installed. This needs Debian or Ubuntu');
  });

  it('packages that do not hold the program', async () => {
    await withApt(false, ['some-program']);
    await expect(ensureDebianParts(set, { env })).rejects.toThrow('hold no `iptables-like`');
    expect(await readdir(join(folder, 'cache/qdrant-bench/debian'))).toEqual([]);
  });

  it('an archive that refuses', async () => {
    await script('apt-get', 'echo "E: no such package" >&2; exit 100');
    env['PATH'] = [join(folder, 'bin'), '/usr/bin', '/bin'].join(delimiter);
    await expect(ensureDebianParts(set, { env })).rejects.toThrow(/failed \(100\): E: no such package/);
  });
});
