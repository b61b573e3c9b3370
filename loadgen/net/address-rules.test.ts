import fc from 'fast-check';
import { BlockList, isIPv4 } from 'node:net';
import { describe, expect, it } from 'vitest';
import { addressRules, ANYWHERE, entryProblem, plainHost } from './address-rules.ts';
import { contains, parseIp, parseRange, type Ip } from './ip.ts';

const INTERNET = addressRules({ allow: [], deny: [] });

const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
const ipv4 = octets.map((parts) => parts.join('.'));
const ipv6 = fc
  .array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'));

describe('an address of the internet', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.1',
    '168.63.129.15',
    '169.253.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450:4001:800::200e',
    '2001:200::1',
    '2400:cb00::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
  ])('may be reached: %s', (address) => expect(INTERNET('host.example', address)).toBeUndefined());
});

describe('no other address may be reached', () => {
  it.each([
    ['0.0.0.0', 'this network'],
    ['0.1.2.3', 'this network'],
    ['10.0.0.1', 'private'],
    ['100.64.0.1', 'carrier'],
    ['100.100.100.200', 'Alibaba'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['168.63.129.16', 'Azure'],
    ['169.254.169.254', 'link-local'],
    ['169.254.170.2', 'link-local'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.192', 'protocols'],
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', '6to4'],
    ['192.168.1.1', 'private'],
    ['198.18.0.1', 'benchmarks'],
    ['198.51.100.1', 'documentation'],
    ['203.0.113.1', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::127.0.0.1', 'IPv4-compatible'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:a9fe:a9fe', 'link-local'],
    ['::ffff:0:127.0.0.1', 'not given out'],
    ['64:ff9b::127.0.0.1', 'loopback'],
    ['64:ff9b::a00:1', 'private'],
    ['64:ff9b:1::8.8.8.8', 'translated'],
    ['100::1', 'not given out'],
    ['2001::1', 'Teredo'],
    ['2001:0:7f00:1::', 'Teredo'],
    ['2001:10::1', 'protocols'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::', '6to4'],
    ['3fff::1', 'documentation'],
    ['4000::1', 'not given out'],
    ['5f00::1', 'not given out'],
    ['fc00::1', 'unique-local'],
    ['fd00:ec2::254', 'Amazon'],
    ['fd20:ce::254', 'Google'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['not an address', 'no IP address'],
    ['127.1', 'no IP address'],
    ['0x7f000001', 'no IP address'],
    ['', 'no IP address'],
  ])('%s: %s', (address, what) => {
    expect(INTERNET('host.example', address)).toContain(what);
    expect(INTERNET('host.example', address)).not.toContain(address || ' '.repeat(9));
  });

  it('as an older implementation of the same ranges has it, for any address', () => {
    const oracle = new BlockList();
    const four: [string, number][] = [
      ['0.0.0.0', 8],
      ['10.0.0.0', 8],
      ['100.64.0.0', 10],
      ['127.0.0.0', 8],
      ['168.63.129.16', 32],
      ['169.254.0.0', 16],
      ['172.16.0.0', 12],
      ['192.0.0.0', 24],
      ['192.0.2.0', 24],
      ['192.88.99.0', 24],
      ['192.168.0.0', 16],
      ['198.18.0.0', 15],
      ['198.51.100.0', 24],
      ['203.0.113.0', 24],
      ['224.0.0.0', 3],
    ];
    for (const [net, prefix] of four) oracle.addSubnet(net, prefix, 'ipv4');
    fc.assert(
      fc.property(ipv4, (address) => {
        const refused = oracle.check(address, 'ipv4');
        expect(INTERNET('h', address) !== undefined).toBe(refused);
        // However it is written, it is where the packets go that counts.
        const hex = (parseIp(address) as Ip).bits.toString(16).padStart(8, '0');
        for (const spelling of [
          `::ffff:${address}`,
          `::ffff:${hex.slice(0, 4)}:${hex.slice(4)}`,
          `64:ff9b::${address}`,
        ]) {
          expect(INTERNET('h', spelling) !== undefined).toBe(refused);
        }
      }),
    );
    fc.assert(
      fc.property(ipv6, (address) => {
        const global = new BlockList();
        global.addSubnet('2000::', 3, 'ipv6');
        if (!global.check(address, 'ipv6') && !address.startsWith('64:ff9b:0:0:0:0:')) {
          expect(INTERNET('h', address)).toBeDefined();
        }
      }),
    );
  });
});

describe('what an installation allows and denies', () => {
  it('opens a range, whatever is in it, in any spelling', () => {
    const rules = addressRules({ allow: ['10.0.0.0/8', '127.0.0.1', 'fd00::/8'], deny: [] });
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3', '127.0.0.1', 'fd12::1'])
      expect(rules('h', address)).toBeUndefined();
    for (const address of ['127.0.0.2', '192.168.0.1', 'fc00::1']) expect(rules('h', address)).toBeDefined();
  });

  it('opens what a name resolves to in somebody’s network, but not this machine, its link or metadata', () => {
    const rules = addressRules({ allow: ['data.example'], deny: [] });
    for (const host of ['data.example', 'DATA.example', 'data.example.']) {
      expect(rules(host, '10.1.2.3')).toBeUndefined();
      for (const address of ['127.0.0.1', '169.254.169.254', '::1', 'fe80::1', '224.0.0.1', 'fd00:ec2::254'])
        expect(rules(host, address)).toBeDefined();
    }
    for (const host of ['other.example', 'x.data.example', 'data.example.evil'])
      expect(rules(host, '10.1.2.3')).toBeDefined();
  });

  it('closes a range whatever is allowed', () => {
    const rules = addressRules({ allow: ['0.0.0.0/0', 'data.example'], deny: ['10.96.0.0/12', '203.0.114.0/24'] });
    expect(rules('data.example', '10.96.0.1')).toBe('is denied by this installation');
    expect(rules('h', '203.0.114.9')).toBe('is denied by this installation');
    expect(rules('h', '::ffff:10.96.0.1')).toBe('is denied by this installation');
    expect(rules('h', '10.1.0.1')).toBeUndefined();
  });

  it('takes all of IPv6 for IPv6: IPv4 that is written so is not in it', () => {
    const rules = addressRules({ allow: ['::/0'], deny: ['64:ff9b::/96'] });
    for (const address of ['fd00::1', '::1']) expect(rules('h', address)).toBeUndefined();
    for (const address of ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '127.0.0.1'])
      expect(rules('h', address)).toBeDefined();
    expect(rules('h', '64:ff9b::8.8.8.8')).toBe('is denied by this installation');
  });

  it('is nothing in a local run', () => expect(ANYWHERE('h', '127.0.0.1')).toBeUndefined());

  it.each([
    ['allow', '10.0.0.0/8'],
    ['allow', '10.1.2.3/8'],
    ['allow', '::1'],
    ['allow', 'fd00::/8'],
    ['allow', 'qdrant.team.svc'],
    ['allow', 'localhost'],
    ['deny', '10.0.0.0/8'],
  ] as const)('takes %s %s', (list, entry) => expect(entryProblem(list, entry)).toBeUndefined());

  it.each([
    ['allow', '10.0.0.0/33'],
    ['allow', '10.0.0.0/08'],
    ['allow', '10.0.0.0/8/8'],
    ['allow', '::/129'],
    ['allow', '10.0.0'],
    ['allow', 'fe80::1%eth0'],
    ['allow', 'https://data.example'],
    ['allow', 'data.example:443'],
    ['allow', '*.example'],
    ['allow', '::ffff:10.0.0.0/104'],
    ['allow', '64:ff9b::10.0.0.1'],
    ['allow', 'Data.example'],
    ['allow', ''],
    ['deny', 'data.example'],
  ] as const)('refuses %s %j, naming it', (list, entry) => {
    expect(entryProblem(list, entry)).toContain(JSON.stringify(entry));
    expect(() => addressRules({ allow: [], deny: [], [list]: [entry] })).toThrow(RangeError);
  });
});

describe('addresses as numbers', () => {
  it('are what Node makes of them, and in the ranges Node has them in', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), fc.nat(128), fc.oneof(ipv4, ipv6), (base, length, address) => {
        const family = isIPv4(base) ? 'ipv4' : 'ipv6';
        const prefix = Math.min(length, family === 'ipv4' ? 32 : 128);
        const list = new BlockList();
        list.addSubnet(base, prefix, family);
        const range = parseRange(`${base}/${prefix}`);
        expect(range).toBeDefined();
        const same = isIPv4(address) === isIPv4(base);
        const inside = same && list.check(address, family);
        expect(contains(range as NonNullable<typeof range>, parseIp(address) as Ip)).toBe(inside);
        expect(contains(range as NonNullable<typeof range>, parseIp(base) as Ip)).toBe(true);
      }),
    );
  });

  it('do not depend on how zeros are left out', () => {
    fc.assert(
      fc.property(ipv6, (address) => {
        const { hostname } = new URL(`http://[${address}]/`);
        expect(parseIp(plainHost(hostname))).toEqual(parseIp(address));
      }),
    );
    expect(parseIp('::')).toEqual({ family: 6, bits: 0n });
    expect(parseIp('1::')).toEqual({ family: 6, bits: 1n << 112n });
    expect(parseIp('::1.2.3.4')).toEqual({ family: 6, bits: 0x01020304n });
  });
});
