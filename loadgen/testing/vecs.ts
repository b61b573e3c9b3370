/** Rows of numbers in the TEXMEX formats. */
export function fvecs(rows: readonly (readonly number[])[]): Buffer {
  return Buffer.concat(
    rows.map((row) => {
      const bytes = Buffer.alloc(4 + row.length * 4);
      bytes.writeInt32LE(row.length, 0);
      row.forEach((value, i) => bytes.writeFloatLE(value, 4 + i * 4));
      return bytes;
    }),
  );
}

export function ivecs(rows: readonly (readonly number[])[]): Buffer {
  return Buffer.concat(
    rows.map((row) => {
      const bytes = Buffer.alloc(4 + row.length * 4);
      bytes.writeInt32LE(row.length, 0);
      row.forEach((value, i) => bytes.writeInt32LE(value, 4 + i * 4));
      return bytes;
    }),
  );
}

export function bvecs(rows: readonly (readonly number[])[]): Buffer {
  return Buffer.concat(
    rows.map((row) => {
      const bytes = Buffer.alloc(4 + row.length);
      bytes.writeInt32LE(row.length, 0);
      row.forEach((value, i) => bytes.writeUInt8(value, 4 + i));
      return bytes;
    }),
  );
}
