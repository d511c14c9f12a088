"""The Iceberg tables marts.*, which follow the published file: their changed months are written again."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from lakehouse.catalog import MARTS, TABLE_PROPERTIES, iceberg_type
from lakehouse.engine import connect, identifier, quote
from lakehouse.errors import LostRace
from lakehouse.marts.dbt_models import Mart
from lakehouse.marts.reads import Range
from lakehouse.settings import Settings
from lakehouse.storage import make_folder
from lakehouse.writing.data_files import write_file, write_file_a_month
from lakehouse.writing.transaction import committing

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

#: Snapshot property: the build whose rows a marts table holds.
BUILD = "wattlake.build"
#: Table property that Spark and Trino show as a table's comment.
COMMENT = "comment"


def follow(
    settings: Settings,
    catalog: Catalog,
    marts: Sequence[Mart],
    build_id: str,
    changed: Sequence[Range] | None,
) -> dict[str, int | None]:
    """Bring the Iceberg tables marts.* up to the published file.

    Args:
        settings: of the home.
        catalog: of the Iceberg tables.
        marts: marts to publish.
        build_id: recorded in each snapshot.
        changed: disjoint ranges of rebuilt rows; months outside keep their files. None replaces every table whole.

    Returns:
        Snapshot id by mart; None where its table has never had a row.
    """
    if not marts:
        return {}
    connection = connect(settings=settings)
    connection.execute(f"ATTACH {quote(str(settings.marts_path))} AS marts (READ_ONLY)")
    try:
        return {mart.name: _follow_one(connection, catalog, mart, build_id, changed) for mart in marts}
    finally:
        connection.close()


def describe_tables(catalog: Catalog, marts: Sequence[Mart]) -> None:
    """Write the present descriptions of marts and their columns into their Iceberg tables."""
    from pyiceberg.exceptions import NoSuchTableError

    for mart in marts:
        with contextlib.suppress(NoSuchTableError):  # the next build creates it
            _described(catalog.load_table((MARTS, mart.name)), mart)


def _follow_one(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    mart: Mart,
    build_id: str,
    changed: Sequence[Range] | None,
) -> int | None:
    described = connection.execute(f"DESCRIBE marts.{identifier(mart.name)}").fetchall()
    columns = {name: kind for name, kind, *_ in described}
    instant = mart.time if mart.time and columns.get(mart.time) == "TIMESTAMP WITH TIME ZONE" else None
    table = _table(catalog, mart, columns, instant)
    where = "true"
    doomed = [task.file for task in table.scan().plan_files()]
    if instant and changed and table.current_snapshot() is not None:
        months = [tuple(at.year * 12 + at.month for at in within) for within in changed]
        # Iceberg's month transform counts from 1970-01.
        doomed = [f for f in doomed if any(first <= f.partition[0] + 1970 * 12 + 1 <= last for first, last in months)]
        where = " OR ".join(f"({_within(instant, first, last)})" for first, last in months) or "false"
    added = _write(connection, table, mart, columns, instant, where)
    if not added and not doomed:
        # Marts of domains that a home has not: a commit of nothing costs as much as one of rows.
        snapshot = table.current_snapshot()
        return snapshot.snapshot_id if snapshot else None
    return _replace(table, added, doomed, build_id)


def _write(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    mart: Mart,
    columns: Mapping[str, str],
    instant: str | None,
    where: str,
) -> list[str]:
    listed = ", ".join(_portable(column, kind) for column, kind in columns.items())
    order = [identifier(column) for column in mart.key]
    rows = f"FROM marts.{identifier(mart.name)} WHERE {where}"
    if instant:
        # Without a zone: ICU's calendars in DuckDB cost as much as writing the file.
        plain = f"make_timestamp(epoch_us({instant}))"
        month = f"{instant}_month"
        numbered = f"SELECT {listed}, year({plain}) * 12 + month({plain}) AS {month} {rows}"
        by_month = f"{numbered} ORDER BY {', '.join([month, *order])}"
        return write_file_a_month(connection, table, by_month, month, columns)
    by_key = f"ORDER BY {', '.join(order)}" if order else ""
    folder = f"{table.location()}/data"
    make_folder(folder)
    path = f"{folder}/{uuid.uuid4().hex}.parquet"
    if write_file(connection, table, f"SELECT {listed} {rows} {by_key}", path, columns):
        return [path]
    table.io.delete(path)
    return []


def _within(instant: str, first: int, last: int) -> str:
    """Condition: an instant lies in the months first to last (year * 12 + month), as a range that prunes."""
    start, end = ((month - 1) // 12 for month in (first, last + 1))
    return (
        f"{instant} >= '{start:04d}-{first - start * 12:02d}-01 00:00:00+00'::TIMESTAMPTZ "
        f"AND {instant} < '{end:04d}-{last + 1 - end * 12:02d}-01 00:00:00+00'::TIMESTAMPTZ"
    )


def _replace(table: Table, added: Sequence[str], doomed: Sequence[Any], build_id: str) -> int:
    from pyiceberg.exceptions import CommitFailedException, ValidationException
    from pyiceberg.io.pyarrow import parquet_files_to_data_files

    try:
        with committing(table) as transaction:
            update = transaction.update_snapshot(snapshot_properties={BUILD: build_id})
            with update.overwrite() as snapshot:
                for data_file in parquet_files_to_data_files(table.io, table.metadata, iter(added)):
                    snapshot.append_data_file(data_file)
                for data_file in doomed:
                    snapshot.delete_data_file(data_file)
            return snapshot.snapshot_id
    except (CommitFailedException, ValidationException) as error:
        raise LostRace(f"another process wrote {'.'.join(table.name())}: {error}", "build again") from error


def _table(catalog: Catalog, mart: Mart, columns: Mapping[str, str], instant: str | None) -> Table:
    """The mart's Iceberg table; if its columns or partition changed it is created again, because marts are derived."""
    from pyiceberg.exceptions import NoSuchTableError
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import MonthTransform
    from pyiceberg.types import NestedField

    schema = Schema(
        *[
            NestedField(i, name, iceberg_type(_contract_type(kind)), required=False, doc=mart.columns.get(name))
            for i, (name, kind) in enumerate(columns.items(), start=1)
        ]
    )
    partitions = [f"{instant}_month"] if instant else []
    try:
        table = catalog.load_table((MARTS, mart.name))
        stored = [(field.name, field.field_type) for field in table.schema().fields]
        same = stored == [(field.name, field.field_type) for field in schema.fields]
        if same and [field.name for field in table.spec().fields] == partitions:
            return _described(table, mart)
        catalog.drop_table((MARTS, mart.name))
    except NoSuchTableError:
        pass
    spec = PartitionSpec()
    if instant:
        source_id = schema.find_field(instant).field_id
        spec = PartitionSpec(
            PartitionField(source_id=source_id, field_id=1000, transform=MonthTransform(), name=f"{instant}_month")
        )
    properties = {
        **TABLE_PROPERTIES,
        COMMENT: mart.description,
        "schema.name-mapping.default": schema.name_mapping.model_dump_json(),
    }
    return catalog.create_table((MARTS, mart.name), schema, partition_spec=spec, properties=properties)


def _described(table: Table, mart: Mart) -> Table:
    """The table with the present descriptions of the dbt project."""
    stale = [f.name for f in table.schema().fields if f.doc != mart.columns.get(f.name) and mart.columns.get(f.name)]
    if not stale and table.properties.get(COMMENT) == mart.description:
        return table
    with table.transaction() as transaction:
        transaction.set_properties({COMMENT: mart.description})
        if stale:
            with transaction.update_schema() as update:
                for name in stale:
                    update.update_column(name, doc=mart.columns[name])
    return table.refresh()


#: DuckDB type → contract type; columns of other types are published as text.
_TYPES = {
    "VARCHAR": "string",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "DATE": "date",
    "DOUBLE": "double",
    "BIGINT": "long",
    "INTEGER": "long",
    "SMALLINT": "long",
    "BOOLEAN": "boolean",
    "HUGEINT": "decimal(38,0)",
}


def _contract_type(duckdb_type: str) -> str:
    if duckdb_type.startswith("DECIMAL("):
        return duckdb_type.lower().replace(" ", "")
    return _TYPES.get(duckdb_type, "string")


def _portable(column: str, duckdb_type: str) -> str:
    """SQL of the column, cast where Iceberg has no such type."""
    name = identifier(column)
    if duckdb_type in ("INTEGER", "SMALLINT"):
        return f"{name}::BIGINT AS {name}"
    if duckdb_type == "HUGEINT":
        return f"{name}::DECIMAL(38, 0) AS {name}"
    if duckdb_type.startswith("DECIMAL(") or duckdb_type in _TYPES:
        return name
    return f"{name}::VARCHAR AS {name}"
