"""The Iceberg catalog: tables are created and evolved from contracts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.errors import BrokenHome, ContractViolation
from lakehouse.outages import explained
from lakehouse.secret import Secret
from lakehouse.settings import Settings
from lakehouse.storage import S3_CONNECT_TIMEOUT_S, S3_READ_TIMEOUT_S, bound_attempts, is_s3
from lakehouse.uris import is_sqlite, sqlite_path, url_of

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

    from lakehouse.contract import Contract

#: The catalog's name in its database.
NAME = "wattlake"
RAW = "raw"
MARTS = "marts"

#: Every table of one catalog in pyiceberg's own table.
LOCATED = "SELECT table_namespace, table_name, metadata_location FROM iceberg_tables WHERE catalog_name ="

#: The writer redoes commits itself, because it must merge again with the new head; a blind retry by the library would
#: commit rows that were compared with an older snapshot. Old metadata files are dropped (300 appends left 32 MB).
TABLE_PROPERTIES = {
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}

#: Type changes that keep every stored value: Iceberg's own promotions.
WIDENINGS = {("int", "long"), ("float", "double")}


def open_catalog(settings: Settings, *, mending: bool = False) -> Catalog:
    """The catalog that the settings name, with the namespaces `raw` and `marts`.

    Args:
        settings: of the home.
        mending: open it even if its tables lie in another place than the settings say.

    Raises:
        BrokenHome: its tables lie elsewhere, or its database is damaged.
        TransientError: its server does not answer.
        TerminalError: its server refuses the credentials.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    # Two processes may create the catalog's tables or a namespace at once: the second one finds them there.
    again = Retrying(
        retry=retry_if_exception(
            lambda error: (
                type(error).__name__ in ("IntegrityError", "ProgrammingError") or "already exists" in str(error)
            )
        ),
        stop=stop_after_attempt(5),
        wait=wait_random_exponential(multiplier=0.05, max=1),
        reraise=True,
    )
    with explained():
        catalog = again(_open, settings)
        if not mending:
            refuse_elsewhere(settings, located(settings))
    return catalog


def located(settings: Settings) -> dict[tuple[str, str], str] | None:
    """Namespace and table → location of its current metadata, by one query; None for a REST catalog, which has no SQL.

    pyiceberg knows the same, but importing it takes 1.5 s of processor time, and SQLAlchemy 0.15 s.
    """
    uri = settings.catalog_uri
    if uri.get_secret_value().startswith("http"):
        return None
    rows = _located_in_file(sqlite_path(uri)) if is_sqlite(uri) else _located_on_server(uri)
    return {(str(namespace), str(name)): str(location) for namespace, name, location in rows}


def _located_in_file(path: Path) -> list[Any]:
    if not path.exists():
        return []  # a connection would create the file
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'iceberg_tables'").fetchone():
            return []
        return connection.execute(f"{LOCATED} '{NAME}'").fetchall()


def _located_on_server(uri: Secret) -> list[Any]:
    import sqlalchemy as sa

    engine = sa.create_engine(url_of(uri))
    try:
        if not sa.inspect(engine).has_table("iceberg_tables"):
            return []
        with engine.connect() as connection:
            return list(connection.execute(sa.text(f"{LOCATED} '{NAME}'")))
    finally:
        engine.dispose()


def is_elsewhere(settings: Settings, location: str) -> bool:
    """Whether a file of a table lies outside the warehouse. A REST catalog chooses locations itself."""
    by_server = settings.catalog_uri.get_secret_value().startswith("http")
    return not by_server and not location.startswith(f"{settings.warehouse}/")


def refuse_elsewhere(settings: Settings, tables: Mapping[tuple[str, str], str] | None) -> None:
    """Refuse tables outside the warehouse: Iceberg notes absolute paths, which in a copied home lead to the original.

    Raises:
        BrokenHome: a table lies outside.
    """
    for (namespace, name), location in sorted((tables or {}).items()):
        if is_elsewhere(settings, location):
            place = location.rsplit("/metadata/", 1)[0]
            raise BrokenHome(
                f"{namespace}.{name} lies in {place}, and the warehouse is {settings.warehouse}: the home was moved or "
                "copied, or WATTLAKE_WAREHOUSE was changed",
                "put it back; or run `wattlake replay`, which rebuilds the tables here from the archive and leaves "
                "that place alone, then `wattlake build`",
            )


def _open(settings: Settings) -> Catalog:
    settings.root.mkdir(parents=True, exist_ok=True)
    uri = settings.catalog_uri.get_secret_value()
    properties = {"warehouse": settings.warehouse, **_file_properties(settings)}
    catalog: Catalog
    if uri.startswith("http"):
        from pyiceberg.catalog.rest import RestCatalog

        catalog = RestCatalog(NAME, uri=uri, **properties)
    else:
        from pyiceberg.catalog.sql import SqlCatalog

        catalog = SqlCatalog(
            NAME,
            uri=url_of(settings.catalog_uri),
            init_catalog_tables="true",
            # Replace connections that died with a restarted server.
            pool_pre_ping="true",
            **properties,
        )
    for namespace in (RAW, MARTS):
        catalog.create_namespace_if_not_exists(namespace)
    return catalog


def _file_properties(settings: Settings) -> dict[str, str]:
    """pyiceberg's properties for the warehouse. Through fsspec ten small commits took 1.0 s, through Arrow 3.4 s."""
    if not is_s3(settings.warehouse):
        return {}
    bound_attempts()
    s3 = settings.s3
    properties = {
        "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
        "s3.access-key-id": s3.access_key_id,
        "s3.secret-access-key": s3.secret_access_key.get_secret_value(),
        "s3.region": s3.region,
        "s3.connect-timeout": str(S3_CONNECT_TIMEOUT_S),
        "s3.request-timeout": str(S3_READ_TIMEOUT_S),
    }
    return {**properties, "s3.endpoint": s3.endpoint} if s3.endpoint else properties


def iceberg_type(name: str) -> IcebergType:
    """The Iceberg type of a contract type."""
    from pyiceberg import types

    simple: dict[str, IcebergType] = {
        "string": types.StringType(),
        "timestamptz": types.TimestamptzType(),
        "date": types.DateType(),
        "double": types.DoubleType(),
        "long": types.LongType(),
        "boolean": types.BooleanType(),
    }
    if name.startswith("decimal("):
        precision, scale = name.removeprefix("decimal(").removesuffix(")").split(",")
        return types.DecimalType(int(precision), int(scale))
    return simple[name]


def ensure_table(catalog: Catalog, contract: Contract, namespace: str = RAW, *, location: str | None = None) -> Table:
    """The table of a contract, created (in the warehouse, or at `location`) or evolved.

    Columns are optional in Iceberg, because data files written by DuckDB cannot mark one as required; the writer
    asserts nullability from the contract instead.

    Raises:
        ContractViolation: the contract narrows the table (a column gone, a type narrowed, another key or mode).
    """
    from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError

    identifier = (namespace, contract.name)
    try:
        table = catalog.load_table(identifier)
    except NoSuchTableError:
        try:
            return _create(catalog, contract, identifier, location)
        except TableAlreadyExistsError:  # another process was first
            table = catalog.load_table(identifier)
    return _evolve(table, contract)


def _create(catalog: Catalog, contract: Contract, identifier: tuple[str, str], location: str | None) -> Table:
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import MonthTransform
    from pyiceberg.types import NestedField

    schema = Schema(
        *[
            NestedField(i, column.name, iceberg_type(column.type), required=False, doc=column.description)
            for i, column in enumerate(contract.columns, start=1)
        ]
    )
    spec = PartitionSpec()
    if contract.time_column:
        source_id = schema.find_field(contract.time_column).field_id
        spec = PartitionSpec(
            PartitionField(
                source_id=source_id, field_id=1000, transform=MonthTransform(), name=f"{contract.time_column}_month"
            )
        )
    properties = {
        **TABLE_PROPERTIES,
        "schema.name-mapping.default": schema.name_mapping.model_dump_json(),
        "wattlake.key": json.dumps(contract.key),
        "wattlake.mode": contract.mode,
    }
    return catalog.create_table(identifier, schema, location=location, partition_spec=spec, properties=properties)


def _evolve(table: Table, contract: Contract) -> Table:
    """Add columns of the contract that the table lacks; refuse changes that would lose or reinterpret stored values."""
    label = ".".join(table.name())
    where = f"contract {contract.name} does not fit the stored table {label}"
    step = "keep the old column beside a new one, or land into a new table"
    if table.properties.get("wattlake.key", json.dumps(contract.key)) != json.dumps(contract.key):
        raise ContractViolation(f"{where}: its key changed from {table.properties['wattlake.key']}", step)
    if table.properties.get("wattlake.mode", contract.mode) != contract.mode:
        raise ContractViolation(f"{where}: its write mode changed from {table.properties['wattlake.mode']}", step)
    stored = {field.name: field.field_type for field in table.schema().fields}
    wanted = {column.name: iceberg_type(column.type) for column in contract.columns}
    if gone := sorted(set(stored) - set(wanted)):
        newer = "if a newer Wattlake has worked here, use that one; else "
        raise ContractViolation(f"{where}: it no longer has {', '.join(gone)}", newer + step)
    added = [column for column in contract.columns if column.name not in stored]
    widened = []
    for name, old in stored.items():
        new = wanted[name]
        if old == new:
            continue
        if not _widens(old, new):
            raise ContractViolation(f"{where}: {name} would narrow from {old} to {new}", step)
        widened.append((name, new))
    if not added and not widened:
        return table
    if required := [column.name for column in added if not column.nullable]:
        raise ContractViolation(
            f"{where}: new columns must be nullable, rows that have landed have no value for {', '.join(required)}",
            "make the column nullable",
        )
    with table.update_schema() as update:
        for column in added:
            update.add_column(column.name, iceberg_type(column.type), doc=column.description)
        for name, new in widened:
            update.update_column(name, field_type=new)
    return table.refresh()


def _widens(old: IcebergType, new: IcebergType) -> bool:
    from pyiceberg.types import DecimalType

    if isinstance(old, DecimalType) and isinstance(new, DecimalType):
        return old.scale == new.scale and new.precision >= old.precision
    return (str(old), str(new)) in WIDENINGS
