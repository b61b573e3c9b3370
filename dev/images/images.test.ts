import { chmod, mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureBusybox } from './busybox.ts';
import { buildImage, IMAGE_NAMES } from './images.ts';
import { main } from './main.ts';
import { planImage, writeImage } from './oci.ts';
import { readImage } from './read-image.ts';
import type { Recipe } from './recipe.ts';
import { makeBench } from './recipes/bench.ts';
import { compilePause, pause } from './recipes/pause.ts';
import { programVersion, staticImage } from './recipes/static.ts';
import { Rootfs } from './rootfs.ts';
import { testFolder } from './testing/folder.ts';

const recipe = (content: () => string, tagByContent = true): Recipe => ({
  repository: 'try',
  summary: 'a try',
  make: () => {
    const spec = { layers: [new Rootfs().file('/hello', { content: content() }).entries()], config: {} };
    return Promise.resolve({ version: '1.2', tagByContent, spec });
  },
});

/** Puts a whole image, but another one, in a tar's place. */
async function otherImage(tar: string, content: string, ref: string): Promise<void> {
  const { spec } = await recipe(() => content).make({});
  await writeImage(await planImage(spec), ref, tar);
}

describe('an image in the cache', () => {
  test('is made once for one content, and its name follows the content', async () => {
    await using folder = await testFolder();
    const env = { XDG_CACHE_HOME: folder.path };
    const lines: string[] = [];
    const onProgress = (line: string): void => void lines.push(line);
    const first = await buildImage(
      'try',
      recipe(() => 'a'),
      { env, onProgress },
    );
    const second = await buildImage(
      'try',
      recipe(() => 'a'),
      { env, onProgress },
    );
    expect(second).toEqual(first);
    expect(lines.filter((line) => line.includes('written'))).toHaveLength(1);
    expect(lines.at(-1)).toBe(`image try: unchanged, ${first.ref}`);
    expect(first.ref).toMatch(/^qdrant-bench\.local\/try:1\.2-[0-9a-f]{8}$/);
    const other = await buildImage(
      'try',
      recipe(() => 'b'),
      { env },
    );
    expect(other.ref).not.toBe(first.ref);
    expect(other.tar).not.toBe(first.tar);
    const plain = await buildImage(
      'plain',
      recipe(() => 'b', false),
      { env },
    );
    expect(plain.ref).toBe('qdrant-bench.local/try:1.2');
    expect((await readImage(plain.tar)).ref).toBe(plain.ref);
  });

  test.each([
    ['cut short', (tar: string) => truncate(tar, 2048)],
    ['empty', (tar: string) => truncate(tar, 0)],
    ['of other bytes', (tar: string) => writeFile(tar, 'rubbish')],
    ['gone', (tar: string) => rm(tar)],
    ['of another content', (tar: string) => otherImage(tar, 'b', 'qdrant-bench.local/try:1.2-00000000')],
    ['of another name', (tar: string) => otherImage(tar, 'a', 'qdrant-bench.local/other:1')],
  ])('that is %s is made again', async (_, damage) => {
    await using folder = await testFolder();
    const env = { XDG_CACHE_HOME: folder.path };
    const build = () =>
      buildImage(
        'try',
        recipe(() => 'a'),
        { env },
      );
    const { tar, ref } = await build();
    const whole = await readFile(tar);
    await damage(tar);
    expect(await build()).toEqual({ tar, ref });
    expect((await readFile(tar)).equals(whole)).toBe(true);
  });

  test('gives way to newer ones: two are kept, and drafts that were left behind are removed', async () => {
    await using folder = await testFolder();
    const env = { XDG_CACHE_HOME: folder.path };
    const drafts = join(folder.path, 'qdrant-bench', 'images', 'drafts');
    await mkdir(drafts, { recursive: true });
    await writeFile(join(drafts, 'old'), '');
    await utimes(join(drafts, 'old'), 1, 1);
    await writeFile(join(drafts, 'new'), '');
    const tars: string[] = [];
    for (const [at, content] of ['a', 'b', 'c'].entries()) {
      const { tar } = await buildImage(
        'try',
        recipe(() => content),
        { env },
      );
      await utimes(tar, 1000 + at, 1000 + at);
      tars.push(tar);
    }
    const names = tars.map((tar) => tar.slice(tar.lastIndexOf('/') + 1));
    expect((await readdir(join(tars[0] ?? '', '..'))).toSorted()).toEqual(names.slice(1).toSorted());
    expect(await readdir(drafts)).toEqual(['new']);
  });

  test.runIf(process.platform === 'linux')(
    'is tried again when a file changes meanwhile, and not for ever',
    async () => {
      await using folder = await testFolder();
      const env = { XDG_CACHE_HOME: folder.path };
      let made = 0;
      const changing = (times: number): Recipe => ({
        ...recipe(() => 'a'),
        make: () => {
          made += 1;
          // The kernel's file has other bytes each time it is read.
          const source = made <= times ? { file: '/proc/sys/kernel/random/uuid' } : { content: 'calm' };
          const spec = { layers: [new Rootfs().file('/x', source).entries()], config: {} };
          return Promise.resolve({ version: '1', tagByContent: true, spec });
        },
      });
      await expect(buildImage('try', changing(9), { env })).rejects.toThrow('a file changed while its image was made');
      expect(made).toBe(3);
      made = 0;
      expect((await buildImage('try', changing(2), { env })).ref).toContain('/try:1-');
      expect(made).toBe(3);
    },
  );
});

describe('recipes', () => {
  test('bench holds what a checkout ships, not its tests or tools', async () => {
    await using folder = await testFolder();
    const put = async (path: string, content: string): Promise<void> => {
      await mkdir(join(folder.path, path, '..'), { recursive: true });
      await writeFile(join(folder.path, path), content);
    };
    await put('package.json', '{"version":"7.8.9","dependencies":{"dep":"1"}}');
    const packages = { '': { dependencies: { dep: '1' } }, 'node_modules/dep': {}, 'node_modules/tool': {} };
    await put('package-lock.json', JSON.stringify({ packages }));
    await put('node_modules/dep/package.json', '{}');
    await put('node_modules/dep/index.js', '');
    await put('node_modules/dep/index.d.ts', '');
    await put('node_modules/tool/package.json', '{}');
    await put('operator/main.ts', '');
    await put('operator/main.test.ts', '');
    await put('operator/testing/x.ts', '');
    await put('loadgen/main.ts', '');
    await put('cli/main.ts', '');
    const made = await makeBench({}, folder.path);
    expect(made.version).toBe('7.8.9');
    const files = made.spec.layers.flat().filter((entry) => entry.type === 'file');
    expect(files.map((entry) => entry.path).filter((path) => path.startsWith('app/'))).toEqual([
      'app/node_modules/dep/index.js',
      'app/node_modules/dep/package.json',
      'app/loadgen/main.ts',
      'app/operator/main.ts',
      'app/package.json',
    ]);
    expect(files.map((entry) => entry.path)).toContain('usr/local/bin/node');
    expect(made.spec.config.User).toBe('65532:65532');
  });

  test('a static program gets an image of its own, under its own name', async () => {
    await using folder = await testFolder();
    const path = join(folder.path, 'tool');
    await writeFile(path, '#!/bin/sh\necho "tool v3.4.5 (built today)"\n');
    await chmod(path, 0o755);
    const version = await programVersion(path, []);
    const recipe = staticImage('tool', 'a tool', () => Promise.resolve({ path, version }), { config: { Cmd: ['x'] } });
    const made = await recipe.make({});
    expect(made.version).toBe('3.4.5');
    expect(made.spec.config).toMatchObject({ Entrypoint: ['/usr/local/bin/tool'], Cmd: ['x'], User: '65532:65532' });
    await expect(programVersion('/bin/true', [])).rejects.toThrow('expected a version');
  });

  test('pause is the same whenever it is compiled, and a script where there is no compiler', async () => {
    await using folder = await testFolder();
    const env = await fakePrograms(folder.path, { busybox: BUSYBOX });
    const made = await pause.make({ env: { ...env, PATH: join(folder.path, 'bin') } });
    const entry = made.spec.layers.flat().find(({ path }) => path === 'pause');
    const source = entry?.type === 'file' && 'content' in entry.source ? entry.source.content : '';
    expect(source).toMatch(/^#!\/bin\/sh\ntrap /);
    expect(made.spec.layers.flat()).toContainEqual(expect.objectContaining({ path: 'bin/sh', target: '/bin/busybox' }));
    const compiled = await compilePause();
    if (compiled !== undefined) expect((await compilePause())?.equals(compiled)).toBe(true);
  });
});

/** What busybox prints, asked for its commands. */
const BUSYBOX = 'printf "bin/sh\\nusr/bin/env\\nusr/bin/wget\\nlinuxrc\\n"';

/** Shell scripts by their names in a folder that comes first on the PATH, with a cache folder of their own. */
async function fakePrograms(folder: string, programs: Record<string, string>): Promise<NodeJS.ProcessEnv> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const [name, script] of Object.entries({ ldd: 'echo "\tstatically linked"', ...programs })) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return { PATH: `${bin}:/usr/bin:/bin`, XDG_CACHE_HOME: folder };
}

describe('busybox', () => {
  test('is taken from the PATH if it is a static one, without the command that crashes', async () => {
    await using folder = await testFolder();
    const env = await fakePrograms(folder.path, { busybox: BUSYBOX });
    const path = join(folder.path, 'bin', 'busybox');
    expect(await ensureBusybox({ env })).toEqual({ path, links: ['/bin/sh', '/usr/bin/env'] });
  });

  test('is fetched once, and again when the cached one no longer starts', async () => {
    await using folder = await testFolder();
    const dpkg = `mkdir -p "$3/bin" && printf '#!/bin/sh\\n%s\\n' '${BUSYBOX}' > "$3/bin/busybox" && chmod +x "$3/bin/busybox"`;
    const env = await fakePrograms(folder.path, {
      busybox: BUSYBOX,
      ldd: 'echo "libc.so.6 => /lib/libc.so.6 (0x0000)"',
      'apt-get': 'echo asked >> "$XDG_CACHE_HOME/asked"; touch package.deb',
      dpkg,
    });
    const { path, links } = await ensureBusybox({ env });
    expect(links).toEqual(['/bin/sh', '/usr/bin/env']);
    expect(path.startsWith(join(folder.path, 'qdrant-bench'))).toBe(true);
    await ensureBusybox({ env });
    expect(await readFile(join(folder.path, 'asked'), 'utf8')).toBe('asked\n');
    await truncate(path, 3);
    await ensureBusybox({ env });
    expect(await readFile(join(folder.path, 'asked'), 'utf8')).toBe('asked\nasked\n');
    expect(await readdir(join(folder.path, 'qdrant-bench', 'images'))).toEqual(['busybox']);
  });

  test.each([
    [{ 'apt-get': 'echo no network >&2; exit 100' }, /ended with 100: no network.*Install busybox-static/],
    [{ 'apt-get': 'exit 0' }, /left no package.*Install busybox-static/],
  ])('that cannot be had is asked for: %o', async (programs, message) => {
    await using folder = await testFolder();
    const env = await fakePrograms(folder.path, programs);
    await expect(ensureBusybox({ env })).rejects.toThrow(message);
    await expect(ensureBusybox({ env: { ...env, PATH: '/nowhere' } })).rejects.toThrow('apt-get cannot be started');
  });
});

describe('the command', () => {
  test('tells what it is for, and of names it does not know', async () => {
    const out: string[] = [];
    const notes: string[] = [];
    const run = (...args: string[]): Promise<number> =>
      main(
        args,
        (line) => out.push(line),
        (line) => notes.push(line),
      );
    expect(await run('--help')).toBe(0);
    for (const name of IMAGE_NAMES) expect(out.join()).toContain(name);
    expect(await run('redis')).toBe(2);
    expect(notes.join()).toContain('There is no image `redis`, expected one of pause, tools,');
    expect(await run('--nope')).toBe(2);
    expect(
      await main(
        ['pause'],
        () => undefined,
        () => undefined,
        AbortSignal.abort(),
      ),
    ).toBe(130);
  });
});
