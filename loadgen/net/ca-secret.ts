import { X509Certificate } from 'node:crypto';

/** An environment variable of Linux holds 128 KiB. */
const MAX_BYTES = 98_304;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Checks the certificates of authorities, PEM, one or several.
 * @returns them, without what stands around them.
 * @throws {RangeError} saying what is wrong, and nothing of what is in it.
 */
export function parseCa(text: string): string {
  if (text.length > MAX_BYTES)
    throw new RangeError(`there are ${text.length} bytes in it: expected at most ${MAX_BYTES}`);
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new RangeError('there is no certificate in it: expected PEM');
  const damaged = certificates.findIndex((certificate) => !isCertificate(certificate));
  if (damaged >= 0) throw new RangeError(`certificate ${damaged + 1} cannot be read: expected PEM of X.509`);
  return `${certificates.join('\n')}\n`;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
