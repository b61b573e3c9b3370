import { readSync } from 'node:fs';
import type { File as Hdf5File, H5Module } from './hdf5-types.ts';
import { withBoundedMemory } from './bounded-memory.ts';
import type { DataFile } from './data-file.ts';

/**
 * The HDF5 library, compiled to WebAssembly, with a file system of its own in which there is nothing but the files being
 * read: one that names others (external links, external storage) finds none of this machine's.
 */
interface Library {
  module: H5Module;
  File: new (path: string, mode: 'r') => Hdf5File;
}

/**
 * Most memory the library gets. It unpacks a chunk to whatever that becomes; it then finds no more memory, and says that
 * the chunk cannot be read.
 */
export const MAX_MEMORY_BYTES = 384 * 2 ** 20;
const FOLDER = '/data-files';
const ERRNO_NOENT = 44;
const ERRNO_INVAL = 28;
/** The files that can be seen in {@link FOLDER}, by name. */
const visible = new Map<string, DataFile>();
let loading: Promise<Library> | undefined;
let opened = 0;

/** A file opened by the library. Whoever opens it closes it. */
export interface OpenHdf5 {
  hdf5: Hdf5File;
  module: H5Module;
  close: () => void;
}

/** @throws {JobError} DatasetInvalid when it is no HDF5 file. */
export async function openHdf5File(file: DataFile): Promise<OpenHdf5> {
  // Four megabytes of code, for those only who need it.
  loading ??= load();
  const { module, File } = await loading;
  opened += 1;
  const name = String(opened);
  visible.set(name, file);
  try {
    const hdf5 = file.parse('as HDF5, it', () => new File(`${FOLDER}/${name}`, 'r'));
    if (hdf5.file_id < 0n) throw file.invalid('cannot be opened as HDF5: it is cut off or damaged; fetch it again');
    return {
      hdf5,
      module,
      close: () => {
        hdf5.close();
        visible.delete(name);
      },
    };
  } catch (error) {
    visible.delete(name);
    throw error;
  }
}

async function load(): Promise<Library> {
  const { module, File } = await withBoundedMemory(MAX_MEMORY_BYTES, async () => {
    const library = (await import('h5wasm')) as unknown as Pick<Library, 'File'> & { ready: Promise<H5Module> };
    return { module: await library.ready, File: library.File };
  });
  const { FS } = module;
  FS.mkdir(FOLDER);
  FS.mount({ mount: () => folder(FS) }, {}, FOLDER);
  // What it has to say of errors is pages of its own stack; the descriptor that is free again becomes standard error.
  FS.close(FS.getStreamChecked(2));
  FS.open('/dev/null', 'w');
  return { module, File };
}

interface Node {
  id: number;
  mode: number;
  node_ops: object;
  stream_ops: object;
}

const S_IFDIR = 0o40555;
const S_IFREG = 0o100444;

/** A read-only folder of the visible files, as Emscripten's file systems are written. */
function folder(FS: H5Module['FS']): unknown {
  const attributes = (node: Node, size: number): object => {
    const never = new Date(0);
    const times = { atime: never, mtime: never, ctime: never };
    const blocks = { size, blksize: 4096, blocks: Math.ceil(size / 512) };
    return { dev: 1, ino: node.id, mode: node.mode, nlink: 1, uid: 0, gid: 0, rdev: 0, ...times, ...blocks };
  };
  const root = FS.createNode(null, '/', S_IFDIR, 0) as Node;
  root.node_ops = {
    getattr: (node: Node) => attributes(node, 4096),
    lookup: (parent: unknown, name: string) => {
      const file = visible.get(name);
      if (!file) throw new FS.ErrnoError(ERRNO_NOENT);
      const node = FS.createNode(parent, name, S_IFREG, 0) as Node;
      node.node_ops = { getattr: (one: Node) => attributes(one, file.size) };
      node.stream_ops = fileOperations(FS, file);
      return node;
    },
  };
  return root;
}

function fileOperations(FS: H5Module['FS'], { fd, size }: DataFile): object {
  return {
    read: (_: unknown, into: Uint8Array, offset: number, length: number, position: number): number =>
      position >= size ? 0 : readSync(fd, into, offset, Math.min(length, size - position), position),
    llseek: (stream: { position: number }, offset: number, whence: 0 | 1 | 2): number => {
      const position = offset + [0, stream.position, size][whence]!;
      if (position < 0) throw new FS.ErrnoError(ERRNO_INVAL);
      return position;
    },
  };
}
