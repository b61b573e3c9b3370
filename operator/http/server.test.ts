import { Gauge, Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { serveHttp, type HttpOptions } from './server.ts';

const open: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function serve(options: Partial<HttpOptions> = {}): Promise<string> {
  const server = await serveHttp({
    port: 0,
    registry: new Registry(),
    notReady: () => '',
    notAlive: () => '',
    ...options,
  });
  open.push(server);
  return `http://127.0.0.1:${server.port}`;
}
const ask = async (url: string, method = 'GET') => {
  const reply = await fetch(url, { method });
  return { status: reply.status, body: await reply.text(), type: reply.headers.get('content-type') };
};

describe('the operator’s HTTP server', () => {
  it.each([
    ['/livez', {}, 200, 'ok\n'],
    ['/readyz', {}, 200, 'ok\n'],
    ['/readyz?verbose', {}, 200, 'ok\n'],
    ['/livez', { notAlive: () => 'stuck' }, 503, 'stuck\n'],
    ['/readyz', { notReady: () => 'waiting for NATS' }, 503, 'waiting for NATS\n'],
    ['/livez', { notReady: () => 'waiting for NATS' }, 200, 'ok\n'],
    ['/', {}, 404, 'here are /livez, /readyz and /metrics\n'],
  ])('%s %o is %i', async (path, options, status, body) => {
    expect(await ask((await serve(options)) + path)).toMatchObject({ status, body });
  });

  it('asks anew each time', async () => {
    let why = 'starting';
    const url = await serve({ notReady: () => why });
    expect((await ask(`${url}/readyz`)).status).toBe(503);
    why = '';
    expect((await ask(`${url}/readyz`)).status).toBe(200);
  });

  it('serves metrics as Prometheus reads them', async () => {
    const registry = new Registry();
    new Gauge({ name: 'up', help: 'Up.', registers: [registry] }).set(7);
    const { status, body, type } = await ask(`${await serve({ registry })}/metrics`);
    expect({ status, type }).toEqual({ status: 200, type: registry.contentType });
    expect(body).toContain('\nup 7\n');
  });

  it('says when metrics cannot be collected, and goes on serving', async () => {
    const registry = new Registry();
    const collect = (): never => {
      throw new Error('no phases');
    };
    const broken = new Gauge({ name: 'broken', help: 'Broken.', registers: [registry], collect });
    expect(broken).toBeDefined();
    const url = await serve({ registry });
    expect(await ask(`${url}/metrics`)).toMatchObject({
      status: 500,
      body: 'metrics could not be collected: Error: no phases\n',
    });
    expect((await ask(`${url}/livez`)).status).toBe(200);
  });

  it('takes GET and HEAD, nothing else', async () => {
    const url = await serve();
    expect(await ask(`${url}/livez`, 'HEAD')).toMatchObject({ status: 200, body: '' });
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await ask(`${url}/livez`, method)).status).toBe(405);
  });

  it('says when its port is taken', async () => {
    const { port } = new URL(await serve());
    await expect(serve({ port: Number(port) })).rejects.toThrow('EADDRINUSE');
  });

  it('closes with nobody waiting for it, and cannot be closed twice', async () => {
    const server = await serveHttp({ port: 0, registry: new Registry(), notReady: () => '', notAlive: () => '' });
    await server.close();
    await expect(ask(`http://127.0.0.1:${server.port}/livez`)).rejects.toThrow('fetch failed');
    await expect(server.close()).rejects.toThrow(/not running/);
  });
});
