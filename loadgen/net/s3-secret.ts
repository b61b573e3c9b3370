import { AwsV4Signer } from 'aws4fetch';

/** An access key of S3-compatible storage. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of temporary keys. */
  sessionToken?: string;
  /** Where the host does not say it: what the storage calls its region. */
  region?: string;
}

const SETTINGS: Readonly<Record<string, keyof S3Credentials>> = {
  aws_access_key_id: 'accessKeyId',
  aws_secret_access_key: 'secretAccessKey',
  aws_session_token: 'sessionToken',
  region: 'region',
};

/**
 * Reads an access key as AWS's own tools keep it in `~/.aws/credentials`: `aws_access_key_id = …` and
 * `aws_secret_access_key = …`, one a line; may be left out: `aws_session_token`, `region`, a `[profile]`, comments.
 * @throws {RangeError} saying which line is wrong, and nothing of what is in it.
 */
export function parseS3Secret(text: string): S3Credentials {
  const found: Partial<S3Credentials> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*([#;[].*)?$/.test(line)) continue;
    const refuse = (why: string) => new RangeError(`line ${index + 1} ${why}`);
    const [, name = '', value = ''] = /^\s*([a-z_]{1,64})\s*=\s*([\x21-\x7e]{1,8192})\s*$/.exec(line) ?? [];
    if (!Object.hasOwn(SETTINGS, name)) {
      throw refuse(`is none of ${Object.keys(SETTINGS).join(', ')}: expected NAME = VALUE`);
    }
    const key = SETTINGS[name] as keyof S3Credentials;
    if (found[key] !== undefined) throw refuse('is a setting that is there already');
    found[key] = value;
  }
  const { accessKeyId, secretAccessKey } = found;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new RangeError('there is no access key in it: expected aws_access_key_id and aws_secret_access_key');
  }
  return { ...found, accessKeyId, secretAccessKey };
}

/**
 * The headers that make a GET of a URL that of the key's owner: AWS Signature Version 4, the body unsigned. They are good
 * for a quarter of an hour, and for this URL. The region is the credentials', else the one in the host's name, else
 * us-east-1, which most other storages take for theirs.
 */
export async function signedHeaders(url: string, credentials: S3Credentials): Promise<Record<string, string>> {
  const { headers } = await new AwsV4Signer({ ...credentials, url, method: 'GET', service: 's3' }).sign();
  return Object.fromEntries(headers);
}
