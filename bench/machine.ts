import { readFileSync } from 'node:fs';
import { cpus, loadavg, platform, totalmem } from 'node:os';

/** What figures depend on: the machine, how busy it was, the versions. */
export interface Machine {
  date: string;
  platform: string;
  cpu: string;
  memoryGiB: number;
  /** Processes that wanted a core, over the minute before. */
  loadBefore: number;
  node: string;
  undici: string | undefined;
  '@qdrant/js-client-rest': string | undefined;
}

export function machine(): Machine {
  const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const cores = cpus();
  return {
    date: new Date().toISOString(),
    platform: `${platform()} ${process.arch}`,
    cpu: `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: Number((loadavg()[0] as number).toFixed(2)),
    node: process.versions.node,
    undici: dependencies['undici'],
    '@qdrant/js-client-rest': dependencies['@qdrant/js-client-rest'],
  };
}
