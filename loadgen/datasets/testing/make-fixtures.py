"""Writes the files beside this one with the formats' own libraries, independently of our readers:

    pip install numpy==2.4.6 h5py==3.16.0 pyarrow==26.0.1 && python make-fixtures.py

Every good file holds the same vectors: row i, dimension d is sin(7 i + d) for BASE and QUERIES rows of DIMENSIONS, as
float32 (as float16 where the name says f2, times 100 rounded where it says an integer type). Ground truth is the row
numbers (i * 3 + place) % ROWS, no real neighbours.
"""

import zlib
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
ROWS, QUERIES, DIMENSIONS, PLACES = 50, 4, 6, 5


def vectors(rows):
    i, d = np.meshgrid(np.arange(rows), np.arange(DIMENSIONS), indexing="ij")
    return np.sin(7.0 * i + d)


base = vectors(ROWS).astype("<f4")
test = vectors(QUERIES).astype("<f4")
whole = np.round(vectors(ROWS) * 100)
truth = (np.arange(QUERIES)[:, None] * 3 + np.arange(PLACES)[None, :]) % ROWS

# npy
for name, array in {
    "f4": base,
    "f8": vectors(ROWS),
    "f2": base.astype("<f2"),
    "i1": whole.astype("i1"),
    "u1": np.abs(whole).astype("u1"),
    "i2": whole.astype("<i2"),
    "u2": np.abs(whole).astype("<u2"),
    "i4": whole.astype("<i4"),
    "u4": np.abs(whole).astype("<u4"),
    "i8": whole.astype("<i8"),
    "u8": np.abs(whole).astype("<u8"),
    "big-f2": base.astype(">f2"),
    "big-f4": base.astype(">f4"),
    "big-f8": vectors(ROWS).astype(">f8"),
    "fortran": np.asfortranarray(base),
    "bool": base > 0,
    "flat": base[0],
    "text": np.array([["a", "b"]]),
    "half-kinds": np.array([[0, -0.0, 6e-8, 6.1e-5, 65504, np.inf]], dtype="<f2"),
}.items():
    np.save(HERE / f"{name}.npy", array)
for major in (2, 3):
    with open(HERE / f"version-{major}.npy", "wb") as file:
        np.lib.format.write_array(file, base, version=(major, 0))
with open(HERE / "object.npy", "wb") as file:
    np.lib.format.write_array(file, np.array([[1, None]], dtype=object))

# HDF5, as ann-benchmarks lays it out, and what else there may be
with h5py.File(HERE / "ann.hdf5", "w") as file:
    file["train"] = base
    file.create_dataset("test", data=test, chunks=(2, 3), compression="gzip", shuffle=True, fletcher32=True)
    file["neighbors"] = truth.astype("i4")
    file["distances"] = np.zeros((QUERIES, PLACES), "f4")
    file["group/f8"] = vectors(ROWS)
    file["f2"] = base.astype("f2")
    file["big"] = base.astype(">f4")
    file["u1"] = np.abs(whole).astype("u1")
    file["i8"] = truth.astype("i8")
    file["flat"] = base[0]
    file["text"] = ["a", "b"]
    file["empty"] = np.zeros((0, 3), "f4")
    file["soft"] = h5py.SoftLink("/train")
    file["outside"] = h5py.ExternalLink("ann-other.hdf5", "/train")
    file.create_dataset("external", shape=(2, 4), dtype="u1", external=[("/etc/passwd", 0, 8)])
    layout = h5py.VirtualLayout(shape=base.shape, dtype="f4")
    layout[:] = h5py.VirtualSource("ann-other.hdf5", "train", shape=base.shape)
    file.create_virtual_dataset("virtual", layout)
    file.create_dataset("lzf", data=base, compression="lzf")
    file.create_dataset("bomb", shape=(1_000_000, 10_000), dtype="f4", chunks=(1000, 1000), fillvalue=1)
    file.create_dataset("large-chunks", shape=(10_000, 10_000), dtype="f4", chunks=(10_000, 10_000), fillvalue=1)
# A chunk that unpacks to 1 GiB: zeros, deflated twice.
once = zlib.compressobj(9)
zeros = b"".join(once.compress(bytes(1 << 20)) for _ in range(1024)) + once.flush()
with h5py.File(HERE / "bomb.hdf5", "w") as file:
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((ROWS, DIMENSIONS))
    settings.set_deflate(9)
    settings.set_deflate(9)
    space = h5py.h5s.create_simple((ROWS, DIMENSIONS))
    train = h5py.h5d.create(file.id, b"train", h5py.h5t.IEEE_F32LE, space, settings)
    train.write_direct_chunk((0, 0), zlib.compress(zeros, 9))
with h5py.File(HERE / "user-block.hdf5", "w", libver="latest", userblock_size=512) as file:
    file["train"] = base

# Parquet
lists = {
    "vector": pa.array(list(base), pa.list_(pa.float32())),
    "fixed": pa.FixedSizeListArray.from_arrays(pa.array(base.ravel()), DIMENSIONS),
    "double": pa.array(list(vectors(ROWS)), pa.list_(pa.float64())),
    "half": pa.array(list(base.astype("f2")), pa.list_(pa.float16())),
    "large": pa.array(list(base), pa.large_list(pa.float32())),
    "i64": pa.array(list(whole.astype("i8")), pa.list_(pa.int64())),
    "i32": pa.array(list(whole.astype("i4")), pa.list_(pa.int32())),
    "id": pa.array(range(ROWS)),
    "title": pa.array([f"row {i}" for i in range(ROWS)]),
}
table = pa.table(lists)
for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
    pq.write_table(table.select(["id", "vector"]), HERE / f"{codec}.parquet", compression=codec, row_group_size=17)
# Pages of a few values: rows begin and end amidst pages of version 1.
small = dict(compression="snappy", data_page_size=40, write_batch_size=5)
for version in ("1.0", "2.0"):
    pq.write_table(table, HERE / f"pages-{version}.parquet", data_page_version=version, **small)
    pq.write_table(
        table,
        HERE / f"plain-{version}.parquet",
        data_page_version=version,
        use_dictionary=False,
        **small,
    )
pq.write_table(
    table.select(["i64", "i32", "vector", "double"]),
    HERE / "encodings.parquet",
    use_dictionary=False,
    column_encoding={
        "i64.list.element": "DELTA_BINARY_PACKED",
        "i32.list.element": "DELTA_BINARY_PACKED",
        "vector.list.element": "BYTE_STREAM_SPLIT",
        "double.list.element": "BYTE_STREAM_SPLIT",
    },
)
required = pa.schema([pa.field("emb", pa.list_(pa.field("element", pa.float32(), nullable=False)), nullable=False)])
pq.write_table(pa.table({"emb": lists["vector"].cast(required.field(0).type)}, schema=required), HERE / "required.parquet")
pq.write_table(pa.table({"neighbors": pa.array(list(truth), pa.list_(pa.int64()))}), HERE / "truth.parquet")
ragged = pa.array([[1.0, 2], [3.0], [4.0, 5, 6]], pa.list_(pa.float32()))
pq.write_table(pa.table({"vector": ragged}), HERE / "ragged.parquet")
pq.write_table(pa.table({"vector": pa.array([[1.0, 2], [3.0, None]], pa.list_(pa.float32()))}), HERE / "null.parquet")
pq.write_table(pa.table({"vector": pa.array([[1.0], None], pa.list_(pa.float32()))}), HERE / "null-row.parquet")
pq.write_table(pa.table({"vector": pa.array([[1.0], [np.nan]], pa.list_(pa.float32()))}), HERE / "nan.parquet")
pq.write_table(pa.table({"vector": pa.array([], pa.list_(pa.float32()))}), HERE / "no-rows.parquet")
pq.write_table(pa.table({"vector": pa.array([[[1.0]]], pa.list_(pa.list_(pa.float32())))}), HERE / "nested.parquet")
ones = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(4_000_000, "f4")), 1000)
pq.write_table(pa.table({"vector": ones}), HERE / "bomb.parquet", compression="zstd")
