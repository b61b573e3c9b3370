import { lstat, readdir, readlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { rootCertificates } from 'node:tls';
import { byPath, type LayerEntry, type Source } from './layer.ts';
import { sharedLibraries } from './libraries.ts';

/** Who containers run as unless they need more: the number distroless images use, which no machine gives to a person. */
export const NONROOT = 65_532;

export type Owner = { uid?: number; gid?: number };

/** Collects the entries of one layer. Paths are absolute, as seen in the container; parents are made as needed. */
export class Rootfs {
  readonly #entries = new Map<string, LayerEntry>();

  /** A folder, 0755 unless told. Naming one again changes its mode and owner. */
  directory(path: string, mode = 0o755, { uid = 0, gid = 0 }: Owner = {}): this {
    const entry = { type: 'directory', path: relative(path), mode, uid, gid } as const;
    if (this.#entries.get(entry.path)?.type === 'directory') this.#entries.delete(entry.path);
    return this.#put(entry);
  }

  file(path: string, source: Source, mode = 0o644, { uid = 0, gid = 0 }: Owner = {}): this {
    return this.#put({ type: 'file', path: relative(path), mode, uid, gid, source });
  }

  symlink(path: string, target: string): this {
    return this.#put({ type: 'symlink', path: relative(path), target, uid: 0, gid: 0 });
  }

  /** A program of this machine with the libraries it needs, at the paths where its loader looks for them. */
  async program(path: string, binary: string, signal?: AbortSignal): Promise<this> {
    this.file(path, { file: binary }, 0o755);
    return this.libraries(await sharedLibraries([binary], { signal }));
  }

  /** Libraries as `sharedLibraries` finds them; one that is there already is left. */
  libraries(found: ReadonlyMap<string, string>): this {
    for (const [path, file] of found) {
      if (!this.#entries.has(relative(path))) this.file(path, { file }, 0o755);
    }
    return this;
  }

  /**
   * A folder of this machine with all in it. Files become 0644, or 0755 when their owner may run them; links stay
   * links. `keep` is asked with paths relative to the folder; a folder it refuses is not entered.
   */
  async tree(path: string, folder: string, keep: (path: string) => boolean = () => true): Promise<this> {
    this.directory(path);
    const walk = async (inside: string): Promise<void> => {
      for (const name of (await readdir(join(folder, inside))).toSorted()) {
        const child = join(inside, name);
        if (!keep(child)) continue;
        const info = await lstat(join(folder, child));
        const to = join(path, child);
        if (info.isDirectory()) {
          this.directory(to);
          await walk(child);
        } else if (info.isSymbolicLink()) {
          this.symlink(to, await readlink(join(folder, child)));
        } else if (info.isFile()) {
          this.file(to, { file: join(folder, child) }, (info.mode & 0o100) === 0 ? 0o644 : 0o755);
        }
      }
    };
    await walk('');
    return this;
  }

  /** What most programs expect of a system: users, name look-up, certificates, a /tmp, and mount points. */
  system(): this {
    const nonroot = String(NONROOT);
    return this.file('/etc/passwd', {
      content: `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${nonroot}:${nonroot}:nonroot:/home/nonroot:/sbin/nologin\n`,
    })
      .file('/etc/group', { content: `root:x:0:\nnonroot:x:${nonroot}:\n` })
      .file('/etc/nsswitch.conf', { content: 'passwd: files\ngroup: files\nhosts: files dns\n' })
      .file('/etc/ssl/certs/ca-certificates.crt', { content: `${rootCertificates.join('\n')}\n` })
      .directory('/home/nonroot', 0o755, { uid: NONROOT, gid: NONROOT })
      .directory('/root', 0o700)
      .directory('/tmp', 0o1777)
      .directory('/var/tmp', 0o1777)
      .directory('/dev')
      .directory('/proc')
      .directory('/run')
      .directory('/sys');
  }

  /** The layer. */
  entries(): LayerEntry[] {
    return [...this.#entries.values()].toSorted(byPath);
  }

  #put(entry: LayerEntry): this {
    if (entry.path === '') return this;
    const there = this.#entries.get(entry.path);
    if (there !== undefined) throw new Error(`/${entry.path} is put into an image twice`);
    for (let parent = dirname(entry.path); parent !== '.'; parent = dirname(parent)) {
      const above = this.#entries.get(parent);
      if (above === undefined) {
        this.#entries.set(parent, { type: 'directory', path: parent, mode: 0o755, uid: 0, gid: 0 });
      } else if (above.type !== 'directory') {
        throw new Error(`/${entry.path} is put into an image where /${parent} is no folder`);
      }
    }
    this.#entries.set(entry.path, entry);
    return this;
  }
}

/** `/usr/bin/x` → `usr/bin/x`; refuses a path that is not absolute. */
function relative(path: string): string {
  if (!path.startsWith('/')) throw new Error(`${path} is no path in an image, expected it to begin with /`);
  return normalize(path).replace(/^\/+|\/+$/g, '');
}
