import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** One process of the cluster. */
export type Part = {
  name: string;
  /** Absolute path. */
  command: string;
  args: readonly string[];
  /** Files it reads, by absolute path: written before it starts; when they change it is started again. */
  files?: Readonly<Record<string, string>>;
  /** Whether it does its work now. Never rejects. */
  healthy(): Promise<boolean>;
};

/** What every part is told about its cluster. */
export type PartContext = {
  /** Path of a Go program. */
  tool(name: string): string;
  /** Path of a file in the configuration folder. */
  config(name: string): string;
  pki(name: string): string;
  stateDir: string;
  nodeName: string;
  node: string;
  pods: string;
  services: string;
  dns: string;
};

/** Changes when a part must be started again to be what it should be. */
export function digestOf(part: Part): string {
  const { command, args, files } = part;
  return createHash('sha256')
    .update(JSON.stringify([command, args, files]))
    .digest('hex')
    .slice(0, 16);
}

/** Writes the files a part reads. */
export async function writeFiles(part: Part): Promise<void> {
  for (const [path, content] of Object.entries(part.files ?? {})) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: 0o600 });
  }
}

/** The text of a YAML file, which JSON is. */
export const yaml = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
