import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

const checkout = dirname(dirname(import.meta.dirname));

/** Unix sockets lie in the state directory and may have 107 characters in all. */
const longestStateDir = 80;

/** Where one cluster keeps everything, and what is named after it. */
export type ClusterPaths = {
  stateDir: string;
  /** 8 hex digits that tell this cluster's interface, cgroup and addresses from another's. */
  id: string;
  /** `state.json`: what was started and made. */
  state: string;
  /** Certificates and keys, readable by root alone. */
  pki: string;
  /** Configuration files and kubeconfigs of the parts. */
  config: string;
  logs: string;
  auditLog: string;
  /** The administrator's kubeconfig, which works from this machine. */
  kubeconfig: string;
  /** containerd's socket. */
  socket: string;
};

/** Of this checkout's cluster: `$XDG_STATE_HOME/qdrant-bench/cluster-<hash of the checkout's path>`. */
export function defaultStateDir(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_STATE_HOME'];
  const home = xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.local', 'state');
  return join(home, 'qdrant-bench', `cluster-${digest(checkout)}`);
}

/** Throws when the directory cannot be one: relative, or too long for the sockets in it. */
export function clusterPaths(stateDir: string = defaultStateDir()): ClusterPaths {
  if (!isAbsolute(stateDir) || stateDir.length > longestStateDir || /[\s:,"\\]/.test(stateDir)) {
    throw new Error(
      `the state directory is \`${stateDir}\`, expected an absolute path of at most ${longestStateDir} characters ` +
        'without spaces, colons, commas, quotes or backslashes: name another with --state-dir.',
    );
  }
  return {
    stateDir,
    id: digest(stateDir),
    state: join(stateDir, 'state.json'),
    pki: join(stateDir, 'pki'),
    config: join(stateDir, 'config'),
    logs: join(stateDir, 'logs'),
    auditLog: join(stateDir, 'logs', 'audit.log'),
    kubeconfig: join(stateDir, 'kubeconfig'),
    socket: join(stateDir, 'containerd.sock'),
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
