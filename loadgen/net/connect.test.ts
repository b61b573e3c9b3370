import tls from 'node:tls';
import { Agent, Pool, request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issue, type Credentials } from '../../dev/cluster/pki.ts';
import { addressRules, ANYWHERE } from './address-rules.ts';
import { checkedConnector, type ConnectOptions } from './connect.ts';
import { NetError, networkFault } from './net-error.ts';
import { names, play, type Played } from './testing/servers.ts';

/** Here 127.0.0.1 plays a server that may be reached, and 127.0.0.2 one that may not. */
const RULES = addressRules({ allow: ['127.0.0.1'], deny: [] });

let open: Played;
let closed: Played;
const ending: { destroy(): Promise<void> }[] = [];
beforeAll(async () => {
  open = await play((_, reply) => void reply.end('open'));
  closed = await play((_, reply) => void reply.end('closed'), { host: '127.0.0.2', port: open.port });
});
afterEach(async () => {
  open.connections = 0;
  open.asked.length = 0;
  for (const agent of ending.splice(0)) await agent.destroy();
});
afterAll(() => Promise.all([open.close(), closed.close()]));

function agent(options: Partial<ConnectOptions>): Agent {
  const made = new Agent({ connect: checkedConnector({ rules: RULES, ...options }), keepAliveTimeout: 1 });
  ending.push(made);
  return made;
}

async function ask(dispatcher: Agent, host: string, path = '/', port = open.port): Promise<string> {
  const reply = await request(`http://${host}:${port}${path}`, { dispatcher, reset: true });
  return reply.body.text();
}

describe('a checked connection', () => {
  it('is made to an address that was checked, asking the name server once for all connections', async () => {
    const { resolve, questions } = names({ 'data.example': [['127.0.0.1'], ['127.0.0.2']] });
    const dispatcher = agent({ resolve });
    for (let i = 0; i < 3; i += 1) expect(await ask(dispatcher, 'data.example')).toBe('open');
    expect(open.connections).toBe(3);
    expect(questions).toEqual(['data.example']);
  });

  it('does not trust a name server that changes its mind: what is asked anew is checked anew', async () => {
    const { resolve, questions } = names({ 'data.example': [['127.0.0.1'], ['127.0.0.2']] });
    const dispatcher = agent({ resolve });
    // Nobody listens: the connection fails, and with it what was known of the name.
    await expect(ask(dispatcher, 'data.example', '/', 1)).rejects.toThrow('ECONNREFUSED');
    await expect(ask(dispatcher, 'data.example')).rejects.toMatchObject({ reason: 'AddressRefused' });
    expect(questions).toHaveLength(2);
    expect(closed.connections).toBe(0);
  });

  it('is not made when one of several addresses may not be reached', async () => {
    const { resolve } = names({ 'data.example': [['127.0.0.1', '10.0.0.1']] });
    await expect(ask(agent({ resolve }), 'data.example')).rejects.toThrow(
      'data.example has an address that is private (RFC 1918)',
    );
    expect(open.connections).toBe(0);
  });

  it('tries another of several addresses when one does not answer', async () => {
    const { resolve } = names({ 'data.example': [['127.0.0.3', '127.0.0.1']] });
    const rules = addressRules({ allow: ['127.0.0.0/8'], deny: [] });
    expect(await ask(agent({ resolve, rules }), 'data.example')).toBe('open');
  });

  // The URL parser, or the resolver of the system, makes one of these an address; the address is what is checked.
  it.each([
    '127.0.0.2',
    '127.0.0.2.',
    '2130706434',
    '0x7f000002',
    '0x7f.2',
    '0177.0.0.2',
    '0177.0.0.02',
    '127.0.2',
    '127.2',
    '１２７．０．０．２',
    '127。0。0。2',
    '[::ffff:127.0.0.2]',
    '[::ffff:7f00:2]',
    '[0:0:0:0:0:ffff:7f00:0002]',
    '[64:ff9b::127.0.0.2]',
    '[::1]',
    '[::]',
    '0',
    '0.0.0.0',
    'localhost',
    'LOCALHOST',
  ])('is not made to %s', async (host) => {
    const rules = addressRules({ allow: [], deny: [] });
    const error: unknown = await ask(agent({ rules }), host).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ reason: 'AddressRefused' });
    expect((error as Error).message).toMatch(
      /^may not be reached: .* (is|that is) (loopback|this network|unspecified) /,
    );
    expect(closed.connections + open.connections).toBe(0);
  });

  it.each(['[fe80::1%25eth0]', '[fe80::1%eth0]', '127.0.0.256', '0x100000000'])('has no such host as %s', (host) => {
    expect(() => new URL(`http://${host}/`)).toThrow('Invalid URL');
  });

  it('says when a name has no address, or there is no such name', async () => {
    const { resolve } = names({ 'empty.example': [[]] });
    await expect(ask(agent({ resolve }), 'empty.example')).rejects.toThrow('empty.example has no address');
    await expect(ask(agent({ resolve }), 'none.example')).rejects.toThrow('ENOTFOUND none.example');
  });

  it('is given up when the name server takes too long', async () => {
    const never = () => new Promise<never>(() => undefined);
    await expect(ask(agent({ resolve: never, timeoutMilliseconds: 50 }), 'data.example')).rejects.toMatchObject({
      code: 'UND_ERR_CONNECT_TIMEOUT',
    });
  });

  it('goes anywhere without rules', async () => {
    expect(await ask(agent({ rules: ANYWHERE }), '127.0.0.2')).toBe('closed');
    expect(await ask(agent({ rules: ANYWHERE }), 'localhost')).toBe('open');
    closed.connections = 0;
  });

  it('serves a pool as it serves an agent', async () => {
    const { resolve } = names({ 'data.example': [['127.0.0.2']] });
    const pool = new Pool(`http://data.example:${open.port}`, { connect: checkedConnector({ rules: RULES, resolve }) });
    ending.push(pool);
    await expect(pool.request({ method: 'GET', path: '/' })).rejects.toMatchObject({ reason: 'AddressRefused' });
    expect(closed.connections).toBe(0);
  });
});

describe('a checked connection by TLS', () => {
  const before = tls.getCACertificates('default');
  let authority: Credentials;
  let secure: Played;
  beforeAll(async () => {
    authority = createAuthority('test authority');
    const { key, cert } = issue(authority, 'test authority', {
      commonName: 'data.example',
      hosts: ['data.example'],
      usage: 'server',
    });
    secure = await play((_, reply) => void reply.end('secure'), { tls: { key, cert } });
    tls.setDefaultCACertificates([...before, authority.cert]);
  });
  afterAll(async () => {
    tls.setDefaultCACertificates(before);
    await secure.close();
  });

  it('is verified against the name, not the address it was pinned to', async () => {
    const { resolve } = names({ 'data.example': [['127.0.0.1']], 'other.example': [['127.0.0.1']] });
    const dispatcher = agent({ resolve });
    const get = async (host: string) => (await request(`https://${host}:${secure.port}/`, { dispatcher })).body.text();
    expect(await get('data.example')).toBe('secure');
    await expect(get('other.example')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await expect(get('127.0.0.1')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await expect(get('127.0.0.2')).rejects.toMatchObject({ reason: 'AddressRefused' });
  });
});

describe('what is said of a broken connection', () => {
  it.each([
    [
      Object.assign(new Error('bytes of the answer'), { name: 'HTTPParserError', code: 'HPE_INVALID' }),
      'no valid HTTP (HPE_INVALID)',
    ],
    [
      new AggregateError([new Error('connect ECONNREFUSED a'), { code: 'ETIMEDOUT' }]),
      'connect ECONNREFUSED a; ETIMEDOUT',
    ],
    [new AggregateError([], 'all'), 'all'],
    [{ code: 'EPIPE' }, 'EPIPE'],
    [{ name: 'OddError' }, 'OddError'],
    [{}, 'unknown'],
  ])('%o', (error, said) => expect(networkFault(error)).toBe(said));
});
