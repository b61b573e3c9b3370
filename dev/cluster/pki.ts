import {
  type KeyObject,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP } from 'node:net';
import { bits, bool, bytes, implicit, integer, octets, oid, sequence, set, utcTime, utf8 } from './der.ts';

/** A certificate and its private key (ECDSA P-256), both PEM. */
export type Credentials = { cert: string; key: string };

/** What a certificate is for. A kubelet's or an API server's own certificate is a server's. */
export type Subject = {
  /** The user's name to Kubernetes. */
  commonName: string;
  /** The user's groups to Kubernetes. */
  organizations?: readonly string[];
  /** DNS names and IPv4 addresses a server answers to. */
  hosts?: readonly string[];
  usage: 'client' | 'server';
};

const day = 24 * 60 * 60 * 1000;
/** A development cluster may stay for a long time; nobody renews its certificates. */
const validMs = 3650 * day;

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
const usages = { server: oid('1.3.6.1.5.5.7.3.1'), client: oid('1.3.6.1.5.5.7.3.2') } as const;
const digitalSignature = 0x80;
const certificateSigning = 0x04;

/** A self-signed certificate authority. */
export function createAuthority(commonName: string): Credentials {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = distinguishedName(commonName, []);
  const extensions = [extension('2.5.29.19', sequence(bool(true)), true), keyUsage(certificateSigning)];
  extensions.push(extension('2.5.29.14', octets(keyId(publicKey))));
  return { cert: certificate(name, name, publicKey, privateKey, extensions), key: pem(privateKey) };
}

/** A certificate of `authority` for `subject`, with a new key. */
export function issue(authority: Credentials, authorityName: string, subject: Subject): Credentials {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    extension('2.5.29.19', sequence(), true),
    keyUsage(digitalSignature),
    extension('2.5.29.37', sequence(usages[subject.usage])),
    extension('2.5.29.35', sequence(implicit(0, false, keyId(createPublicKey(authority.cert))))),
  ];
  const { hosts = [] } = subject;
  if (hosts.length > 0) extensions.push(extension('2.5.29.17', sequence(...hosts.map(alternativeName))));
  const cert = certificate(
    distinguishedName(authorityName, []),
    distinguishedName(subject.commonName, subject.organizations ?? []),
    publicKey,
    createPrivateKey(authority.key),
    extensions,
  );
  return { cert, key: pem(privateKey) };
}

/** A key pair to sign service-account tokens with, PEM. RSA: every client library verifies RS256. */
export function signingKeys(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

/** RFC 5280, section 4.1. */
function certificate(
  issuer: Buffer,
  subject: Buffer,
  publicKey: KeyObject,
  signer: KeyObject,
  extensions: Buffer[],
): string {
  const now = Date.now();
  const toSign = sequence(
    implicit(0, true, integer(Buffer.from([2]))),
    // The top bit is cleared: a serial number is positive.
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    ecdsaWithSha256,
    issuer,
    sequence(utcTime(new Date(now - day)), utcTime(new Date(now + validMs))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    implicit(3, true, sequence(...extensions)),
  );
  const whole = sequence(toSign, ecdsaWithSha256, bits(sign('sha256', toSign, signer), 0));
  const lines = whole.toString('base64').replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}

function distinguishedName(commonName: string, organizations: readonly string[]): Buffer {
  const parts = organizations.map((name) => set(sequence(oid('2.5.4.10'), utf8(name))));
  return sequence(...parts, set(sequence(oid('2.5.4.3'), utf8(commonName))));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [bool(true)] : []), octets(value));
}

function keyUsage(flags: number): Buffer {
  const unused = 31 - Math.clz32(flags & -flags);
  return extension('2.5.29.15', bits(Buffer.from([flags]), unused), true);
}

/** How an authority's key is called in the certificates it signs: some strict clients demand it. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

function alternativeName(host: string): Buffer {
  if (isIP(host) === 6) throw new Error(`host \`${host}\` is IPv6, expected a DNS name or an IPv4 address`);
  if (isIP(host) === 4) return implicit(7, false, bytes(host.split('.').map(Number)));
  return implicit(2, false, Buffer.from(host, 'ascii'));
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
