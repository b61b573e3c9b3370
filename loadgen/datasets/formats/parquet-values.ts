import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { byteStreamSplit } from 'hyparquet/src/encoding.js';
import { decodeNumbers, type NumberType } from './numbers.ts';
import type { Page } from './parquet-pages.ts';
import type { Numbers } from './row-reader.ts';

/** A leaf of the schema that holds numbers in lists. */
export interface NumberColumn {
  type: NumberType;
  /** How deep a value is inside of optional and repeated fields: the definition level of one that is there. */
  maxDefinition: number;
}

type Levels = Uint8Array | Uint32Array;

/** Levels and values of a data page. */
export interface Decoded {
  /** 0 begins a row. */
  repetition: Levels;
  /** `maxDefinition` where there is a value. */
  definition: Levels;
  /** Those that are there. */
  values: Numbers;
}

/** @throws {RangeError} on what the format does not allow, or we do not know. */
export function decodeDictionary({ header, count, bytes }: Page, { type }: NumberColumn): Numbers {
  const encoding = header.dictionary_page_header?.encoding;
  if (encoding !== 'PLAIN' && encoding !== 'PLAIN_DICTIONARY') throw new RangeError(`dictionary in ${encoding}`);
  return plain(bytes, count, type);
}

/** @throws {RangeError} as {@link decodeDictionary}. */
export function decodeData(page: Page, column: NumberColumn, dictionary: Numbers | undefined): Decoded {
  const { header, count, levels } = page;
  const { maxDefinition, type } = column;
  let { bytes } = page;
  let repetition: Levels;
  let definition: Levels;
  if (levels) {
    repetition = hybrid(levels[0], 1, count);
    definition = hybrid(levels[1], bitsOf(maxDefinition), count);
  } else {
    const { repetition_level_encoding: first, definition_level_encoding: second } = header.data_page_header ?? {};
    if (first !== 'RLE' || second !== 'RLE') throw new RangeError(`levels in ${first} and ${second}`);
    const take = (bits: number): Levels => {
      const length = bytes.readUInt32LE(0);
      const part = bytes.subarray(4, 4 + length);
      bytes = bytes.subarray(4 + length);
      return hybrid(part, bits, count);
    };
    repetition = take(1);
    definition = take(bitsOf(maxDefinition));
  }
  let there = 0;
  for (const level of definition) if (level === maxDefinition) there += 1;
  const encoding = (header.data_page_header ?? header.data_page_header_v2)?.encoding;
  return { repetition, definition, values: decodeValues(bytes, there, encoding, type, dictionary) };
}

function decodeValues(
  bytes: Buffer<ArrayBuffer>,
  count: number,
  encoding: string | undefined,
  type: NumberType,
  dictionary: Numbers | undefined,
): Numbers {
  switch (encoding) {
    case 'PLAIN':
      return plain(bytes, count, type);
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY':
      return looked(bytes, count, dictionary);
    case 'BYTE_STREAM_SPLIT':
      return split(bytes, count, type);
    case 'DELTA_BINARY_PACKED':
      return unpackedDelta(bytes, count, type);
    default:
      throw new RangeError(`values in ${encoding}`);
  }
}

function plain(bytes: Buffer<ArrayBuffer>, count: number, type: NumberType): Numbers {
  if (bytes.length < count * type.bytes) throw new RangeError(`${bytes.length} bytes for ${count} values`);
  return decodeNumbers(bytes.subarray(0, count * type.bytes), type);
}

function looked(bytes: Buffer, count: number, dictionary: Numbers | undefined): Numbers {
  if (!dictionary) throw new RangeError('no dictionary');
  const bits = bytes.readUInt8(0);
  const values = new Float64Array(count);
  const indexes = bits === 0 ? new Uint32Array(count) : hybrid(bytes.subarray(1), bits, count);
  for (let i = 0; i < count; i += 1) {
    const value = dictionary[indexes[i] as number];
    if (value === undefined) throw new RangeError('an index outside the dictionary');
    values[i] = value;
  }
  return values;
}

const DELTA_ARRAYS = { 4: Int32Array, 8: BigInt64Array };

function unpackedDelta(bytes: Buffer, count: number, { kind, bytes: width }: NumberType): Numbers {
  if (kind === 'float' || (width !== 4 && width !== 8)) throw new RangeError('deltas of what is no integer');
  const values = new DELTA_ARRAYS[width](count);
  deltaBinaryUnpack({ view: viewOf(bytes), offset: 0 }, count, values);
  return values instanceof Int32Array ? values : Float64Array.from(values, Number);
}

function split(bytes: Buffer, count: number, { kind, bytes: width }: NumberType): Numbers {
  if (bytes.length < count * width) throw new RangeError(`${bytes.length} bytes for ${count} values`);
  const swapped = byteStreamSplit({ view: viewOf(bytes), offset: 0 }, count, 'FIXED_LEN_BYTE_ARRAY', width);
  const joined = Buffer.concat(swapped as Uint8Array[], count * width);
  return decodeNumbers(joined as Buffer<ArrayBuffer>, { kind, bytes: width, littleEndian: true });
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView<ArrayBuffer> {
  return new DataView(buffer as ArrayBuffer, byteOffset, length);
}

const bitsOf = (max: number): number => 32 - Math.clz32(max);

/**
 * Parquet's hybrid of run lengths and packed bits: exactly `count` integers of `bits` bits, whatever the runs say. The
 * library's own lets a run grow the result without end.
 */
export function hybrid(bytes: Uint8Array, bits: number, count: number): Levels {
  if (bits > 32) throw new RangeError(`integers of ${bits} bits`);
  const values = bits <= 8 ? new Uint8Array(count) : new Uint32Array(count);
  const width = Math.ceil(bits / 8);
  let offset = 0;
  const next = (): number => {
    const byte = bytes[offset];
    if (byte === undefined) throw new RangeError('levels or indexes end early');
    offset += 1;
    return byte;
  };
  for (let filled = 0; filled < count;) {
    let head = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      if (shift > 28) throw new RangeError('a run of impossible length');
      const byte = next();
      head += (byte & 0x7f) * 2 ** shift;
      more = byte > 0x7f;
    }
    const length = Math.floor(head / 2);
    if (length === 0) throw new RangeError('an empty run');
    if (head % 2 === 0) {
      let value = 0;
      for (let i = 0; i < width; i += 1) value += next() * 2 ** (8 * i);
      values.fill(value, filled, Math.min(count, filled + length));
      filled += Math.min(length, count - filled);
      continue;
    }
    // Groups of eight, packed from the lowest bit on; the last may be longer than what there is.
    let held = 0;
    let heldBits = 0;
    const end = filled + Math.min(length * 8, count - filled);
    const after = offset + length * bits;
    for (; filled < end; filled += 1) {
      while (heldBits < bits) {
        held += next() * 2 ** heldBits;
        heldBits += 8;
      }
      values[filled] = held % 2 ** bits;
      held = Math.floor(held / 2 ** bits);
      heldBits -= bits;
    }
    offset = after;
  }
  return values;
}
