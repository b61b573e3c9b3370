import { ensureBusybox } from '../busybox.ts';
import type { MakeOptions, Recipe } from '../recipe.ts';
import { Rootfs } from '../rootfs.ts';

/** Adds busybox as /bin/busybox, with a link for each of its commands. */
export async function addShell(rootfs: Rootfs, options: MakeOptions): Promise<Rootfs> {
  const { path, links } = await ensureBusybox(options);
  rootfs.file('/bin/busybox', { file: path }, 0o755);
  for (const link of links) if (link !== '/bin/busybox') rootfs.symlink(link, '/bin/busybox');
  return rootfs;
}

/** A shell with the usual commands; as root unless the pod says otherwise, since it makes folders for others. */
export const tools: Recipe = {
  repository: 'tools',
  summary: 'a shell with the usual commands (busybox)',
  async make(options) {
    const rootfs = await addShell(new Rootfs().system(), options);
    return {
      version: '1',
      tagByContent: false,
      spec: {
        layers: [rootfs.entries()],
        config: { Cmd: ['/bin/sh'], Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], WorkingDir: '/' },
      },
    };
  },
};
