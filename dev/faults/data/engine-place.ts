import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { freePort, startEngine, type Engine } from '../../qdrant/engine.ts';

/** Room for the engine's data, where a file system of its own can be mounted. */
const ROOM = '192m';
/** What is left when the disk is full: less than one batch of points. */
const LEFT_BYTES = 256 * 1024;

/** A Qdrant engine that can be killed, cut off and robbed of its disk, at an address that stays. */
export class EnginePlace {
  readonly url: string;
  /** Whether its data are on a file system of their own, so that the disk can be filled. */
  readonly ownDisk: boolean;
  readonly #folder: string;
  readonly #port: number;
  readonly #proxy: Server;
  readonly #sockets = new Set<Socket>();
  #engine: Engine | undefined;
  #cut = false;

  private constructor(folder: string, port: number, proxyPort: number, ownDisk: boolean) {
    this.#folder = folder;
    this.#port = port;
    this.ownDisk = ownDisk;
    this.url = `http://127.0.0.1:${proxyPort}`;
    this.#proxy = createServer((socket) => this.#forward(socket));
  }

  static async start(folder: string): Promise<EnginePlace> {
    mkdirSync(folder, { recursive: true });
    const mount = ['-t', 'tmpfs', '-o', `size=${ROOM},mode=0700`, 'tmpfs', folder];
    const ownDisk = process.getuid?.() === 0 && spawnSync('mount', mount).status === 0;
    const place = new EnginePlace(folder, await freePort('127.0.0.1'), await freePort('127.0.0.1'), ownDisk);
    await new Promise<void>((resolve) => place.#proxy.listen(Number(new URL(place.url).port), '127.0.0.1', resolve));
    await place.up();
    return place;
  }

  /** Starts the engine where it is not running. */
  async up(): Promise<void> {
    this.#engine ??= await startEngine({ dataDir: join(this.#folder, 'data'), port: this.#port });
  }

  async kill(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    engine?.kill('SIGKILL');
    await engine?.exited;
  }

  /** Breaks all connections and refuses new ones until `join`. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  join(): void {
    this.#cut = false;
  }

  fillDisk(): void {
    const { bavail, bsize } = statfsSync(this.#folder);
    writeFileSync(join(this.#folder, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - LEFT_BYTES)));
  }

  freeDisk(): void {
    rmSync(join(this.#folder, 'filler'), { force: true });
  }

  /** Names of the collections it has. */
  async collections(): Promise<string[]> {
    const answer = (await (await fetch(`${this.url}/collections`)).json()) as {
      result: { collections: { name: string }[] };
    };
    return answer.result.collections.map(({ name }) => name);
  }

  async stop(): Promise<void> {
    await this.#engine?.stop();
    this.cut();
    await new Promise<void>((resolve) => this.#proxy.close(() => resolve()));
    if (this.ownDisk) spawnSync('umount', ['-l', this.#folder]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #forward(socket: Socket): void {
    if (this.#cut) {
      socket.destroy();
      return;
    }
    const upstream = connect(this.#port, '127.0.0.1');
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    socket.pipe(upstream).pipe(socket);
  }
}
