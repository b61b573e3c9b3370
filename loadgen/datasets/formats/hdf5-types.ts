/** What we use of h5wasm; its own types lack its file system's. */

export interface Hdf5Metadata {
  /** Of the HDF5 library's classes: 0 integer, 1 float. */
  type: number;
  /** Bytes of a value. */
  size: number;
  signed: boolean;
  shape: number[] | null;
  chunks: number[] | null;
  virtual_sources?: unknown[];
}

/** A dataset, group, link or whatever else stands under a key. */
export interface Hdf5Object {
  path?: string;
  metadata?: Hdf5Metadata;
  filters?: { id: number; name: string }[];
}

export interface File {
  file_id: bigint;
  keys(): string[];
  get(key: string): Hdf5Object | null;
  close(): void;
}

export interface H5Module {
  HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  /** @returns below 0 when it failed. */
  get_dataset_data(
    file: bigint,
    path: string,
    count: bigint[],
    offset: bigint[],
    strides: bigint[],
    pointer: bigint,
  ): number;
  FS: {
    ErrnoError: new (errno: number) => Error;
    createNode(parent: unknown, name: string, mode: number, device: number): unknown;
    mkdir(path: string): void;
    mount(type: object, options: object, path: string): void;
    open(path: string, flags: string): unknown;
    close(stream: unknown): void;
    getStreamChecked(descriptor: number): unknown;
  };
}
