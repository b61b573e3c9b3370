import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, StorageType } from 'nats';
import { afterEach, describe, expect, it } from 'vitest';
import { startNats } from './server.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-test-'));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('a NATS server for tests', () => {
  it.each(['kill', 'stop'] as const)('keeps port and streams when it is ended by %s and started again', async (how) => {
    const dir = temporary();
    const server = await startNats({ dir });
    undo.push(() => server.stop());
    const first = await connect({ servers: server.url, reconnect: false });
    await (await first.jetstreamManager()).streams.add({ name: 'S', subjects: ['s'], storage: StorageType.File });
    await first.jetstream().publish('s', 'kept');
    await server[how]();
    await first.closed();
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow('CONNECTION_REFUSED');
    await server.restart();
    const second = await connect({ servers: server.url });
    undo.push(() => second.close());
    expect((await (await second.jetstreamManager()).streams.info('S')).state.messages).toBe(1);
    expect(existsSync(join(dir, 'jetstream'))).toBe(true);
  });

  it('says what is wrong with a configuration', async () => {
    await expect(startNats({ config: 'nonsense: [' })).rejects.toThrow(/nats-server ended while starting:[^]*line 9/);
  });

  it('ends with the process that started it, even when that is killed', async () => {
    const script = join(import.meta.dirname, 'testing', 'parent.ts');
    const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { value } = await createInterface({ input: parent.stdout })[Symbol.asyncIterator]().next();
    const servers = String(value);
    const connection = await connect({ servers, reconnect: false });
    parent.kill('SIGKILL');
    await connection.closed();
    await expect(connect({ servers, reconnect: false })).rejects.toThrow('CONNECTION_REFUSED');
  });

  it('may be stopped twice', async () => {
    const server = await startNats();
    expect(server.log()).toContain('Server is ready');
    await server.stop();
    await server.stop();
  });
});
