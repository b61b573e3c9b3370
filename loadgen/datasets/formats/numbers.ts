import type { Numbers } from './row-reader.ts';

/** A number's type as binary formats have it. */
export interface NumberType {
  kind: 'float' | 'int' | 'uint';
  bytes: number;
  littleEndian: boolean;
}

/** Whether {@link decodeNumbers} knows the type: floats of 2, 4 and 8 bytes, integers of 1 to 8. */
export function isKnown({ kind, bytes }: NumberType): boolean {
  return kind === 'float' ? [2, 4, 8].includes(bytes) : [1, 2, 4, 8].includes(bytes);
}

/**
 * Numbers from their bytes. `bytes` may be swapped in place.
 * @throws {RangeError} on a type that is not known.
 */
export function decodeNumbers(bytes: Buffer<ArrayBuffer>, type: NumberType): Numbers {
  const { kind, littleEndian } = type;
  if (!isKnown(type)) throw new RangeError(`no numbers of ${type.bytes} bytes are known`);
  if (!littleEndian) {
    if (type.bytes === 2) bytes.swap16();
    if (type.bytes === 4) bytes.swap32();
    if (type.bytes === 8) bytes.swap64();
  }
  const count = bytes.length / type.bytes;
  // A typed array begins at a multiple of its numbers' size only.
  const aligned = bytes.byteOffset % type.bytes === 0 ? bytes : Buffer.from(Uint8Array.from(bytes).buffer);
  const { buffer, byteOffset } = aligned;
  switch (`${kind}${type.bytes * 8}`) {
    case 'float16':
      return Float32Array.from(new Uint16Array(buffer, byteOffset, count), halfToNumber);
    case 'float32':
      return new Float32Array(buffer, byteOffset, count);
    case 'float64':
      return new Float64Array(buffer, byteOffset, count);
    case 'int8':
      return new Int8Array(buffer, byteOffset, count);
    case 'uint8':
      return new Uint8Array(buffer, byteOffset, count);
    case 'int16':
      return new Int16Array(buffer, byteOffset, count);
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, count);
    case 'int32':
      return new Int32Array(buffer, byteOffset, count);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, count);
    case 'int64':
      return fromBig(new BigInt64Array(buffer, byteOffset, count));
    default:
      return fromBig(new BigUint64Array(buffer, byteOffset, count));
  }
}

function fromBig(values: BigInt64Array | BigUint64Array): Float64Array<ArrayBuffer> {
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 1) numbers[i] = Number(values[i]);
  return numbers;
}

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
