import { parseArgs } from 'node:util';
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { type ClusterStatus, down, kubeconfigPath, load, status, up } from './cluster.ts';
import { clusterPaths } from './paths.ts';
import { lastWords } from './process.ts';
import { logOf } from './supervise.ts';

const help = `A real one-node Kubernetes on this machine: Linux, root, Debian or Ubuntu, Go. No Docker, no registry.

  npm run cluster -- up               starts it, or repairs it; the first time builds Kubernetes, some minutes
  npm run cluster -- down             ends it and removes everything but the caches
  npm run cluster -- status           what runs, and where its files are
  npm run cluster -- kubeconfig       prints the path of the administrator's kubeconfig
  npm run cluster -- load IMAGE_TAR   imports an OCI image archive; pods use it with imagePullPolicy IfNotPresent
  npm run cluster -- logs [PART]      the end of a part's log, or which there are

  --state-dir FOLDER   another cluster than this checkout's
  --lines N            how many lines \`logs\` prints (40)
  --help               this text

Nodes, pods, Services and NodePorts answer from this machine at their own addresses. The default StorageClass is
local-path. With two CPUs or more, a pod with limits of whole CPUs and memory equal to its requests has its cores alone.
`;

const commands = ['up', 'down', 'status', 'kubeconfig', 'load', 'logs'] as const;

/** Runs the command line; resolves with the exit code. */
export async function main(args: string[], out: (text: string) => void, stop: AbortSignal): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        'state-dir': { type: 'string' },
        lines: { type: 'string', default: '40' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    out(`${error instanceof Error ? error.message : String(error)}\nTry --help.\n`);
    return 2;
  }
  const { values, positionals } = parsed;
  const [command, argument, ...more] = positionals;
  if (values.help) {
    out(help);
    return 0;
  }
  const wrong = misuse(command, argument, more, values.lines);
  if (wrong !== undefined) {
    out(`${wrong}\nTry --help.\n`);
    return 2;
  }
  const stateDir = values['state-dir'];
  const options = { stateDir, signal: stop, onProgress: (line: string) => out(`${line}\n`) };
  try {
    if (command === 'up') out(statusText(await up(options)));
    else if (command === 'down') out((await down(options)) ? 'The cluster is gone.\n' : 'There was no cluster.\n');
    else if (command === 'kubeconfig') out(`${await kubeconfigPath({ stateDir })}\n`);
    else if (command === 'load') for (const name of await load(argument ?? '', options)) out(`${name}\n`);
    else if (command === 'logs') out(await logText(stateDir, argument, Number(values.lines)));
    else {
      const now = await status({ stateDir });
      out(statusText(now));
      return now.state === 'running' ? 0 : 1;
    }
    return 0;
  } catch (error) {
    out(stop.aborted ? 'Interrupted. Run the command again to go on.\n' : `${messageOf(error)}\n`);
    return 1;
  }
}

function misuse(
  command: string | undefined,
  argument: string | undefined,
  more: readonly string[],
  lines: string,
): string | undefined {
  if (!commands.some((name) => name === command)) {
    return `the command is ${command === undefined ? 'missing' : `\`${command}\``}, expected one of ${commands.join(', ')}.`;
  }
  if (command === 'load' && argument === undefined) return '`load` needs the path of an image archive.';
  const taken = command === 'load' || command === 'logs' ? more : [argument, ...more];
  if (taken.some((word) => word !== undefined))
    return `\`${command}\` does not take \`${taken.filter(Boolean).join(' ')}\`.`;
  if (!/^[1-9]\d{0,4}$/.test(lines)) return `--lines is \`${lines}\`, expected a number from 1 to 99999.`;
  return undefined;
}

/** The status as a person reads it. */
export function statusText(status: ClusterStatus): string {
  const { state, stateDir, problem, kubeconfig, auditLog, url, node, hostAddress, cpuPolicy, parts } = status;
  if (state === 'absent') return `no cluster (its state would be in ${stateDir})\n`;
  const cores =
    cpuPolicy === 'static' ? 'CPU 0 for the cluster; Guaranteed pods with whole CPUs get the others' : 'shared by all';
  const lines = [
    `cluster     ${state}${problem === undefined ? '' : `: ${problem}`}`,
    `API server  ${url ?? 'none'}`,
    `node        ${node ?? 'none'}`,
    `cores       ${cores}`,
    `for pods    this machine is ${hostAddress ?? 'out of reach'}; they reach nothing beyond it`,
    `kubeconfig  ${kubeconfig}`,
    `audit log   ${auditLog}`,
    `state       ${stateDir}`,
    ...parts.map(({ name, pid, alive }) => `  ${name.padEnd(24)} ${alive ? `process ${pid}` : 'ended'}`),
  ];
  if (state === 'running') lines.push(`Use it:     export KUBECONFIG=${kubeconfig}`);
  return `${lines.join('\n')}\n`;
}

async function logText(stateDir: string | undefined, part: string | undefined, lines: number): Promise<string> {
  const paths = clusterPaths(stateDir);
  const known = (await readdir(paths.logs).catch(() => [])).filter((name) => name.endsWith('.log'));
  const names = known.map((name) => basename(name, '.log')).toSorted();
  if (part === undefined) {
    return names.length === 0
      ? 'no logs: there is no cluster\n'
      : names.map((name) => `${name}\t${logOf(paths, name)}\n`).join('');
  }
  if (!names.includes(part))
    throw new Error(`no log of \`${part}\`, expected one of ${names.join(', ') || 'none yet'}`);
  return `${await lastWords(logOf(paths, part), lines)}\n`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) {
  // A reader that has seen enough (`| head`) does not stop the work.
  process.stdout.on('error', () => undefined);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  process.exitCode = await main(process.argv.slice(2), (text) => void process.stdout.write(text), stop.signal);
}
