"""Parquet files with a column of image bytes."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from ceair.batch.job import Entry
from ceair.batch.store import Store
from ceair.errors import DataError

COLUMNS = ("image", "bytes")
KEYS = ("path", "name", "id")
ADDED = ("restored", "status", "error", "seconds")
"""Columns that results have beside those of the input."""

_BATCH = 16  # rows that are decoded at a time


def count_rows(store: Store, name: str, column: str | None, key: str | None) -> int:
    """The number of rows of a Parquet file, if it has the columns that are needed.

    Raises:
        DataError: it is no Parquet file, or lacks a column, or has one already that results would add.
    """
    path = store.path(name)
    try:
        with store.filesystem.open_input_file(path) as source, pq.ParquetFile(source) as file:
            schema, rows = file.schema_arrow, int(file.metadata.num_rows)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {path} as Parquet: {' '.join(str(error).split())}") from error
    image_column(schema, column, path)
    key_column(schema, key, path)
    taken = [each for each in ADDED if each in schema.names]
    if taken:
        raise DataError(f"{path} has a column `{taken[0]}` already, as results have; rename or drop it")
    return rows


def read_rows(store: Store, name: str, rows: tuple[int, int]) -> pa.Table:
    """The rows of a Parquet file from the first up to but without the last; only their row groups are read.

    Raises:
        OSError: it cannot be read.
    """
    first, last = rows
    pieces: list[pa.RecordBatch] = []
    with store.filesystem.open_input_file(store.path(name)) as source, pq.ParquetFile(source) as file:
        counts = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
        starts = [sum(counts[:index]) for index in range(len(counts))]
        groups = [i for i, start in enumerate(starts) if start < last and start + counts[i] > first]
        place = starts[groups[0]]
        for batch in file.iter_batches(_BATCH, row_groups=groups):
            if place >= last:
                break
            begin, end = max(first - place, 0), min(last - place, batch.num_rows)
            if begin < end:
                pieces.append(batch.slice(begin, end - begin))
            place += batch.num_rows
        return pa.Table.from_batches(pieces, file.schema_arrow)


def image_column(schema: pa.Schema, wanted: str | None, path: str) -> str:
    """The name of the column of image bytes: binary, or with a field `bytes`, as Hugging Face data sets have it.

    Raises:
        DataError: there is none.
    """
    for name in (wanted,) if wanted else COLUMNS:
        if name in schema.names and _holds_bytes(schema.field(name).type):
            return name
    what = f"no column `{wanted}`" if wanted else f"no column {' or '.join(f'`{name}`' for name in COLUMNS)}"
    raise DataError(f"{path} has {what} of image bytes; --column names one of {', '.join(schema.names)}")


def key_column(schema: pa.Schema, wanted: str | None, path: str) -> str | None:
    """The name of the column that names the images; None if there is none, and none is wanted.

    Raises:
        DataError: the one that is wanted is not there.
    """
    if wanted and wanted not in schema.names:
        raise DataError(f"{path} has no column `{wanted}`; --key names one of {', '.join(schema.names)}")
    return wanted or next((name for name in KEYS if name in schema.names), None)


def contents(table: pa.Table, column: str) -> list[bytes | None]:
    """The bytes of the images, or None where there are none."""
    values = table.column(column)
    if pa.types.is_struct(values.type):
        return [None if value is None else value["bytes"] for value in values.to_pylist()]
    found: list[bytes | None] = values.to_pylist()
    return found


def with_results(table: pa.Table, entries: Sequence[Entry], restored: Sequence[bytes | None]) -> bytes:
    """A Parquet file: the rows with what became of them, one entry and image for each."""
    added = (
        pa.array(restored, pa.large_binary()),
        pa.array([entry.status for entry in entries], pa.string()),
        pa.array([entry.error for entry in entries], pa.string()),
        pa.array([entry.seconds for entry in entries], pa.float64()),
    )
    # What the metadata says of the columns is not true of a table that has more of them.
    result = table.replace_schema_metadata(None)
    for name, values in zip(ADDED, added, strict=True):
        result = result.append_column(name, values)
    stream = io.BytesIO()
    pq.write_table(result, stream, row_group_size=_BATCH)
    return stream.getvalue()


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))
