import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A relay on loopback before a server, whose connections can be cut, refused or left hanging. */
export interface TcpRelay {
  url: string;
  /** Connections made so far. */
  connections(): number;
  /** Resets all connections there are. */
  cut(): void;
  /** `refuse`: resets new ones, too. `hang`: passes nothing on, as a network that drops packets. `pass`: works. */
  mode(mode: 'pass' | 'refuse' | 'hang'): void;
  stop(): Promise<void>;
}

export async function startTcpRelay(target: string): Promise<TcpRelay> {
  const { protocol, hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let current: 'pass' | 'refuse' | 'hang' = 'pass';
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    if (current === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => current === 'hang' || to.write(data));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    cut,
    mode: (mode) => {
      current = mode;
    },
    async stop() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
