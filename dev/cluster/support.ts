import { goTools, haveGoTools } from '../go/tools.ts';
import { findGo, moduleDir, ToolsUnavailable } from '../go/go-build.ts';
import { readFile } from 'node:fs/promises';
import { runProcess } from '../qdrant/run-process.ts';
import { cgroupProblem, hierarchies } from './cgroups.ts';
import { findProgram } from './debian.ts';

export type Support = { supported: true } | { supported: false; why: string };

/** What to do instead, for every reason a cluster cannot run here. */
export const alternatives =
  'Use a cluster you have: `npm run demo -- --context NAME`; or none: `npm run demo -- --local`.';

/** A cluster cannot run here; the message says why and what else there is. */
export class ClusterUnsupported extends Error {
  override readonly name = 'ClusterUnsupported';
}

/** The Go programs a cluster is made of. */
export const clusterTools = goTools.filter((name) => name !== 'nats-server' && name !== 'helm');

/** What a cluster needs to know of a machine. */
export interface Machine {
  platform: NodeJS.Platform;
  /** undefined where users have no numbers. */
  uid: number | undefined;
  hasProgram(name: string): Promise<boolean>;
  /** Why its cgroups will not do; undefined when they will. */
  cgroupProblem(): Promise<string | undefined>;
  /** As /proc/filesystems has them. */
  filesystems(): Promise<string>;
  /** Why no network namespace with a bridge can be made; undefined when one can. */
  isolationProblem(): Promise<string | undefined>;
  /** Why the Go programs are neither there nor can be built; undefined when they are or can. */
  goProblem(): Promise<string | undefined>;
}

const thisMachine: Machine = {
  platform: process.platform,
  uid: process.getuid?.(),
  hasProgram: async (name) => (await findProgram(name)) !== undefined,
  cgroupProblem: async () => cgroupProblem(await hierarchies()),
  filesystems: () => readFile('/proc/filesystems', 'utf8'),
  async isolationProblem() {
    const bridge = ['ip', 'link', 'add', 'node0', 'type', 'bridge'];
    const { code, stderr } = await runProcess('unshare', ['--net', '--mount', ...bridge]);
    return code === 0 ? undefined : stderr.trim().split('\n').at(-1);
  },
  async goProblem() {
    try {
      await findGo({ dir: moduleDir, env: process.env });
    } catch (error) {
      if (!(error instanceof ToolsUnavailable)) throw error;
      // What was built once runs without Go.
      if (!(await haveGoTools(clusterTools))) return error.message;
    }
    return undefined;
  },
};

/** Whether a cluster can run on a machine, found out without changing it. `why` is a sentence. */
export async function clusterSupport(machine: Machine = thisMachine): Promise<Support> {
  const no = (why: string): Support => ({ supported: false, why });
  if (machine.platform !== 'linux') return no(`a cluster needs Linux, this is ${machine.platform}.`);
  if (machine.uid !== 0) return no('a cluster needs root: run the command as root.');
  for (const name of ['ip', 'nsenter', 'unshare', 'mount', 'taskset', 'apt-get', 'dpkg']) {
    if (!(await machine.hasProgram(name))) {
      return no(`a cluster needs Debian or Ubuntu with iproute2 and util-linux: \`${name}\` is missing.`);
    }
  }
  const cgroups = await machine.cgroupProblem();
  if (cgroups !== undefined) return no(`${cgroups}.`);
  if (!/\bcgroup2?\b/.test(await machine.filesystems())) return no('this kernel has no cgroups.');
  const isolation = await machine.isolationProblem();
  if (isolation !== undefined) return no(`no network namespace with a bridge can be made here (${isolation}).`);
  const go = await machine.goProblem();
  return go === undefined ? { supported: true } : no(go);
}
