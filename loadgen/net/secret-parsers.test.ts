import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../dev/cluster/pki.ts';
import { parseCa } from './ca-secret.ts';
import { parseS3Secret, signedHeaders } from './s3-secret.ts';
import { SECRET_PARSERS } from './secret-parsers.ts';
import { isSigned } from './testing/s3-verifier.ts';

const KEY = 'aws_access_key_id = AKID\naws_secret_access_key=hun/ter+2=';

function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).not.toContain('hun');
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

describe('an access key', () => {
  it('is read as AWS’s tools keep it', () => {
    expect(parseS3Secret(KEY)).toEqual({ accessKeyId: 'AKID', secretAccessKey: 'hun/ter+2=' });
    expect(parseS3Secret(`[default]\r\n# mine\n; too\n\n${KEY}\n aws_session_token = t==\nregion=auto\n`)).toEqual({
      accessKeyId: 'AKID',
      secretAccessKey: 'hun/ter+2=',
      sessionToken: 't==',
      region: 'auto',
    });
  });

  it.each([
    ['', 'there is no access key in it: expected aws_access_key_id and aws_secret_access_key'],
    ['aws_access_key_id = AKID', 'there is no access key in it'],
    [`${KEY}\nhunter`, 'line 3 is none of aws_access_key_id, aws_secret_access_key, aws_session_token, region'],
    [`${KEY}\nconstructor = hunter`, 'line 3 is none of'],
    [`${KEY}\nregion = a b`, 'line 3 is none of'],
    [`${KEY}\naws_access_key_id = hunter`, 'line 3 is a setting that is there already'],
  ])('is refused without a word of it: %j', (text, why) => {
    expect(refusal(() => parseS3Secret(text))).toContain(why);
  });

  it.each([
    ['https://storage.example/bucket/a%20b/c.fvecs', { region: 'auto' }, 'auto'],
    ['https://bucket.s3.eu-central-1.amazonaws.com/c.fvecs', {}, 'eu-central-1'],
    ['https://bucket.s3.amazonaws.com/c.fvecs', {}, 'us-east-1'],
    ['http://minio.example:9000/bucket/c(1).fvecs', {}, 'us-east-1'],
  ])('signs for %s', async (url, more, region) => {
    const key = { accessKeyId: 'AKID', secretAccessKey: 'hunter2' };
    const { host, pathname } = new URL(url);
    const headers = await signedHeaders(url, { ...key, ...more });
    expect(headers).not.toHaveProperty('host');
    const path = pathname.replace(/[()]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
    const asked = { method: 'GET', url: path, headers: { ...headers, host } };
    expect(isSigned(asked, { ...key, region })).toBe(true);
    expect(isSigned({ ...asked, url: '/other' }, { ...key, region })).toBe(false);
    expect(isSigned(asked, { ...key, secretAccessKey: 'x', region })).toBe(false);
  });

  it('may be a temporary one', async () => {
    const headers = await signedHeaders('https://s.example/b/k', {
      accessKeyId: 'AKID',
      secretAccessKey: 'hunter2',
      sessionToken: 'token',
    });
    expect(headers).toMatchObject({ 'x-amz-security-token': 'token', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' });
    expect(headers['authorization']).toContain('x-amz-security-token');
  });
});

describe('certificates of authorities', () => {
  const one = createAuthority('one').cert;
  it('are taken out of what stands around them', () => {
    expect(parseCa(`who: hunter\n${one}\n---\n${one}`)).toBe(`${one.trim()}\n${one.trim()}\n`);
  });

  it.each([
    ['hunter', 'there is no certificate in it: expected PEM'],
    [createAuthority('key').key, 'there is no certificate in it'],
    [
      `${one}-----BEGIN CERTIFICATE-----\nhunter\n-----END CERTIFICATE-----`,
      'certificate 2 cannot be read: expected PEM of X.509',
    ],
    ['x'.repeat(100_000), 'there are 100000 bytes in it: expected at most 98304'],
  ])('are refused without a word of what was there: %#', (text, why) => {
    expect(refusal(() => parseCa(text))).toContain(why);
  });
});

it('has a parser for each Secret a source may name', () => {
  expect(Object.keys(SECRET_PARSERS)).toEqual(['headersSecretRef', 's3SecretRef', 'caSecretRef']);
});
