import type { ImageSpec } from './oci.ts';

export type MakeOptions = {
  /** A line for the user. */
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
};

/** An image before it has digests: what is in it and what it is called. */
export type Made = {
  /** What it holds; the tag begins with it. */
  version: string;
  /**
   * Whether the tag ends with eight digits of the content. Then a cluster that keeps what it has under a name runs new
   * content as soon as the name is used; without, the name is known before the image is made.
   */
  tagByContent: boolean;
  spec: ImageSpec;
};

/** Says what goes into one image, making or fetching what is not there yet. */
export type Recipe = {
  /** Name without registry and tag. */
  repository: string;
  /** For `--help`. */
  summary: string;
  make(options: MakeOptions): Promise<Made>;
};
