/** The few DER encodings (ITU-T X.690) that X.509 certificates need. */

function encode(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length: number[] = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length, ...length]), content]);
}

export const sequence = (...parts: Buffer[]): Buffer => encode(0x30, ...parts);
export const set = (...parts: Buffer[]): Buffer => encode(0x31, ...parts);
export const bool = (value: boolean): Buffer => encode(0x01, Buffer.from([value ? 0xff : 0]));
/** Big-endian two's complement; the caller minds the sign bit. */
export const integer = (value: Buffer): Buffer => encode(0x02, value);
export const octets = (value: Buffer): Buffer => encode(0x04, value);
export const utf8 = (text: string): Buffer => encode(0x0c, Buffer.from(text, 'utf8'));
export const bytes = (values: readonly number[]): Buffer => Buffer.from(values);

/** A bit string whose last byte has `unused` bits that do not count. */
export const bits = (value: Buffer, unused: number): Buffer => encode(0x03, Buffer.from([unused]), value);

/** `[number]` in the context; `constructed` when the content is itself DER. */
export const implicit = (number: number, constructed: boolean, content: Buffer): Buffer =>
  encode((constructed ? 0xa0 : 0x80) | number, content);

/** An object identifier such as `2.5.4.3`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const encoded = [first * 40 + second];
  for (const part of rest) {
    const groups = [part % 128];
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left % 128) | 0x80);
    encoded.push(...groups);
  }
  return encode(0x06, Buffer.from(encoded));
}

/** `YYMMDDhhmmssZ`, for years from 1950 to 2049. */
export function utcTime(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return encode(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}
