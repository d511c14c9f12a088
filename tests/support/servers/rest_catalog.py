"""An Iceberg REST catalog for tests: the calls of the specification that a client makes, over pyiceberg's SQL catalog.

There is none to install from PyPI that needs no Java or Docker; the tables, the commits and their conflicts are real.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.table import CommitTableRequest, Table

STATUS = {
    NoSuchNamespaceError: 404,
    NoSuchTableError: 404,
    NamespaceAlreadyExistsError: 409,
    TableAlreadyExistsError: 409,
    CommitFailedException: 409,
}


@contextmanager
def rest_catalog(catalog: SqlCatalog) -> Iterator[str]:
    """A server over a catalog; yields its URI."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(catalog, threading.Lock()))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _loaded(table: Table) -> dict[str, Any]:
    return {
        "metadata-location": table.metadata_location,
        "metadata": json.loads(table.metadata.model_dump_json()),
        "config": {},
    }


def _answer(catalog: SqlCatalog, method: str, parts: list[str], body: bytes) -> tuple[int, Any]:
    match method, parts:
        case "GET", ["config"]:
            return 200, {"defaults": {}, "overrides": {}}
        case "GET", ["namespaces"]:
            return 200, {"namespaces": [list(name) for name in catalog.list_namespaces()]}
        case "POST", ["namespaces"]:
            asked = json.loads(body)
            catalog.create_namespace(tuple(asked["namespace"]), asked.get("properties") or {})
            return 200, asked
        case (("GET" | "HEAD"), ["namespaces", name]):
            return 200, {"namespace": [name], "properties": catalog.load_namespace_properties(name)}
        case "DELETE", ["namespaces", name]:
            catalog.drop_namespace(name)
            return 204, None
        case "GET", ["namespaces", name, "tables"]:
            found = [{"namespace": list(t[:-1]), "name": t[-1]} for t in catalog.list_tables(name)]
            return 200, {"identifiers": found}
        case "POST", ["namespaces", name, "tables"]:
            # The specification lets a client leave these out; the client's own model does not.
            absent = {"location": None, "partition-spec": None, "write-order": None, "stage-create": False}
            made = CreateTableRequest.model_validate({**absent, **json.loads(body)})
            table = catalog.create_table(
                (name, made.name),
                made.table_schema,
                location=made.location,
                partition_spec=made.partition_spec,
                sort_order=made.write_order,
                properties=made.properties,
            )
            return 200, _loaded(table)
        case (("GET" | "HEAD"), ["namespaces", name, "tables", table_name]):
            return 200, _loaded(catalog.load_table((name, table_name)))
        case "POST", ["namespaces", name, "tables", table_name]:
            wanted = CommitTableRequest.model_validate_json(body)
            table = catalog.load_table((name, table_name))
            done = catalog.commit_table(table, wanted.requirements, wanted.updates)
            return 200, json.loads(done.model_dump_json())
        case "DELETE", ["namespaces", name, "tables", table_name]:
            catalog.drop_table((name, table_name))
            return 204, None
        case "POST", ["namespaces", _, "tables", _, "metrics"]:
            return 204, None
    return 406, {"error": {"message": f"not in this server: {method} {parts}", "type": "Unsupported", "code": 406}}


def _handler(catalog: SqlCatalog, lock: threading.Lock) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")][1:]
            try:
                with lock:
                    status, answer = _answer(catalog, self.command, parts, body)
            except tuple(STATUS) as error:
                status = STATUS[type(error)]
                answer = {"error": {"message": str(error), "type": type(error).__name__, "code": status}}
            text = b"" if answer is None or self.command == "HEAD" else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_HEAD = do_DELETE = _serve

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
