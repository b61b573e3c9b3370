/** Where an etcd of one member listens and keeps its data. */
export type EtcdConfig = { dataDir: string; host: string; clientPort: number; peerPort: number };

/** The command line of an etcd for a throw-away cluster: it does not wait for the disk. */
export function etcdArgs({ dataDir, host, clientPort, peerPort }: EtcdConfig): string[] {
  const client = `http://${host}:${clientPort}`;
  const peer = `http://${host}:${peerPort}`;
  return [
    '--name=default',
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--auto-compaction-retention=5m',
    '--logger=zap',
    '--log-level=warn',
  ];
}
