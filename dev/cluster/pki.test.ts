import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { implicit, oid, sequence } from './der.ts';
import { createAuthority, issue, signingKeys } from './pki.ts';

const authority = createAuthority('test-ca');

describe('a certificate', () => {
  it('names its user and groups, and is signed by its authority', () => {
    const admin = issue(authority, 'test-ca', {
      commonName: 'admin',
      organizations: ['system:masters', 'other'],
      usage: 'client',
    });
    const cert = new X509Certificate(admin.cert);
    const root = new X509Certificate(authority.cert);
    expect(cert.subject).toBe('O=system:masters\nO=other\nCN=admin');
    expect(cert.issuer).toBe('CN=test-ca');
    expect(cert.verify(root.publicKey)).toBe(true);
    expect(cert.ca).toBe(false);
    expect(root.ca).toBe(true);
    expect(cert.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(new Date(cert.validTo).getTime()).toBeGreaterThan(Date.now() + 300 * 24 * 3600 * 1000);
  });

  it('has a serial number of its own', () => {
    const serials = Array.from({ length: 20 }, () => {
      const { cert } = issue(authority, 'test-ca', { commonName: 'x', usage: 'client' });
      return new X509Certificate(cert).serialNumber;
    });
    expect(new Set(serials).size).toBe(20);
  });

  it('answers to its hosts only, in a TLS handshake where both sides prove themselves', async () => {
    const serving = issue(authority, 'test-ca', {
      commonName: 'server',
      hosts: ['localhost', 'a.example', '127.0.0.1'],
      usage: 'server',
    });
    const client = issue(authority, 'test-ca', { commonName: 'somebody', usage: 'client' });
    const server = createServer({ ...serving, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
    server.on('secureConnection', (socket) => {
      const peer = socket.getPeerCertificate();
      socket.end(String(peer.subject.CN));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = async (servername: string): Promise<string> => {
      const socket = connect({ ...client, ca: authority.cert, host: '127.0.0.1', port, servername });
      let heard = '';
      socket.on('data', (data: Buffer) => {
        heard += data.toString();
      });
      await once(socket, 'close');
      return heard;
    };
    expect(await ask('a.example')).toBe('somebody');
    await expect(ask('b.example')).rejects.toThrow(/altnames/);
    server.close();
  });

  it('refuses an address it cannot carry', () => {
    const hosts = ['::1'];
    expect(() => issue(authority, 'test-ca', { commonName: 'x', hosts, usage: 'server' })).toThrow('`::1` is IPv6');
  });
});

it('signing keys are a pair', () => {
  const { publicKey, privateKey } = signingKeys();
  expect(publicKey).toContain('BEGIN PUBLIC KEY');
  expect(privateKey).toContain('BEGIN PRIVATE KEY');
});

describe('DER', () => {
  it.each([
    ['2.5.4.3', '0603550403'],
    ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
  ])('encodes %s', (dotted, hex) => {
    expect(oid(dotted).toString('hex')).toBe(hex);
  });

  it('gives any content its length in the fewest bytes', () => {
    fc.assert(
      fc.property(fc.nat(70_000), (size) => {
        const encoded = implicit(2, false, Buffer.alloc(size));
        const first = encoded[1] ?? 0;
        const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
        const length = lengthBytes === 0 ? first : encoded.readUIntBE(2, lengthBytes);
        expect(length).toBe(size);
        expect(encoded.length).toBe(2 + lengthBytes + size);
        if (lengthBytes > 0) expect(encoded[2]).toBeGreaterThan(0);
      }),
      { numRuns: 50 },
    );
    expect(sequence().toString('hex')).toBe('3000');
  });
});
