import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { librariesIn, sharedLibraries } from './libraries.ts';
import { Rootfs } from './rootfs.ts';
import { testFolder } from './testing/folder.ts';

const shown = (rootfs: Rootfs): string[] =>
  rootfs
    .entries()
    .map((entry) =>
      entry.type === 'symlink'
        ? `${entry.path} -> ${entry.target}`
        : `${entry.path}${entry.type === 'directory' ? '/' : ''} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`,
    );

describe('a root filesystem', () => {
  test('has the parents of everything in it, each once, before what is in it', () => {
    const rootfs = new Rootfs()
      .file('/a/b/c', { content: '' }, 0o600, { uid: 5, gid: 6 })
      .symlink('/a/link', '/a/b')
      .directory('/a/b', 0o700, { uid: 5, gid: 6 });
    expect(shown(rootfs)).toEqual(['a/ 755 0:0', 'a/b/ 700 5:6', 'a/b/c 600 5:6', 'a/link -> /a/b']);
  });

  test('refuses two things in one place, what is no folder as a parent, and relative paths', () => {
    const rootfs = new Rootfs().file('/a', { content: '' });
    expect(() => rootfs.file('/a', { content: '' })).toThrow('/a is put into an image twice');
    expect(() => rootfs.directory('/a')).toThrow('/a is put into an image twice');
    expect(() => rootfs.file('/a/b', { content: '' })).toThrow('/a/b is put into an image where /a is no folder');
    expect(() => rootfs.file('b', { content: '' })).toThrow('expected it to begin with /');
  });

  test('copies a folder with its links, without what is refused and with plain modes', async () => {
    await using folder = await testFolder();
    await mkdir(join(folder.path, 'in', 'test'), { recursive: true });
    await writeFile(join(folder.path, 'in', 'run'), '');
    await chmod(join(folder.path, 'in', 'run'), 0o700);
    await writeFile(join(folder.path, 'in', 'read'), '');
    await chmod(join(folder.path, 'in', 'read'), 0o600);
    await writeFile(join(folder.path, 'in', 'test', 'x'), '');
    await symlink('run', join(folder.path, 'in', 'link'));
    const rootfs = await new Rootfs().tree('/app', folder.path, (path) => path !== 'in/test');
    expect(shown(rootfs)).toEqual([
      'app/ 755 0:0',
      'app/in/ 755 0:0',
      'app/in/link -> run',
      'app/in/read 644 0:0',
      'app/in/run 755 0:0',
    ]);
  });

  test('knows root and the unprivileged user, and lets everyone write to /tmp only', () => {
    const rootfs = new Rootfs().system();
    const passwd = rootfs.entries().find((entry) => entry.path === 'etc/passwd');
    expect(passwd?.type === 'file' && 'content' in passwd.source && passwd.source.content).toMatch(
      /^root:x:0:0:.*\nnonroot:x:65532:65532:.*\n$/,
    );
    const open = rootfs.entries().filter((entry) => entry.type !== 'symlink' && (entry.mode & 0o002) !== 0);
    expect(open.map((entry) => entry.path)).toEqual(['tmp', 'var/tmp']);
  });
});

describe('libraries', () => {
  const ldd = [
    '\tlinux-vdso.so.1 (0x00007ffc0e1f2000)',
    '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f3b1c000000)',
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007f3b1c400000)',
  ].join('\n');

  test('are those ldd finds in a file, without the kernel’s', () => {
    expect(librariesIn(ldd, '/bin/x')).toEqual(['/lib/x86_64-linux-gnu/libm.so.6', '/lib64/ld-linux-x86-64.so.2']);
    expect(librariesIn('\tstatically linked\n', '/bin/x')).toEqual([]);
  });

  test('a missing one is an error that names it and its program, among several too', () => {
    const output = `/bin/x:\n${ldd}\n/bin/y:\n\tlibnone.so.3 => not found\n`;
    expect(() => librariesIn(output, '/bin/x')).toThrow('/bin/y needs the library libnone.so.3');
  });

  test.runIf(process.platform === 'linux')('of this Node include libc and the loader, as files', async () => {
    const found = await sharedLibraries([process.execPath]);
    expect([...found.keys()].some((path) => path.endsWith('/libc.so.6'))).toBe(true);
    expect([...found.keys()].some((path) => /\/ld-[^/]+$/.test(path))).toBe(true);
    const [libc = ''] = [...found.keys()].filter((path) => path.endsWith('/libc.so.6'));
    const without = await sharedLibraries([process.execPath], { except: libc.slice(0, libc.lastIndexOf('/')) });
    expect(without.has(libc)).toBe(false);
  });

  test.runIf(process.platform === 'linux')('what is no program is an error', async () => {
    await expect(sharedLibraries(['/nowhere/none'])).rejects.toThrow('/nowhere/none');
  });
});
