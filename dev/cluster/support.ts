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

/** Whether a cluster can run on this machine, found out without changing it. `why` is a sentence. */
export async function clusterSupport(): Promise<Support> {
  const no = (why: string): Support => ({ supported: false, why });
  if (process.platform !== 'linux') return no(`a cluster needs Linux, this is ${process.platform}.`);
  if (process.getuid?.() !== 0) return no('a cluster needs root: run the command as root.');
  for (const name of ['ip', 'nsenter', 'unshare', 'mount', 'taskset', 'apt-get', 'dpkg']) {
    if ((await findProgram(name)) === undefined) {
      return no(`a cluster needs Debian or Ubuntu with iproute2 and util-linux: \`${name}\` is missing.`);
    }
  }
  const problem = cgroupProblem(await hierarchies());
  if (problem !== undefined) return no(`${problem}.`);
  const types = await readFile('/proc/filesystems', 'utf8');
  if (!/\bcgroup2?\b/.test(types)) return no('this kernel has no cgroups.');
  const isolated = await runProcess('unshare', ['--net', '--mount', 'ip', 'link', 'add', 'node0', 'type', 'bridge']);
  if (isolated.code !== 0) {
    return no(`no network namespace with a bridge can be made here (${isolated.stderr.trim().split('\n').at(-1)}).`);
  }
  try {
    await findGo({ dir: moduleDir, env: process.env });
  } catch (error) {
    if (!(error instanceof ToolsUnavailable)) throw error;
    // What was built once runs without Go.
    if (!(await haveGoTools(clusterTools))) return no(error.message);
  }
  return { supported: true };
}
