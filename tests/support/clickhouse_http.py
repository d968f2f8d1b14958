"""An HTTP front on a chDB directory, in a process of its own: what clickhouse-connect's HTTP client expects.

So that several workers can share one store, and so that the path to a real server is exercised.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

_MOST_BYTES = 128 * 1024
"""Of one value: a server's own `http_max_field_value_size`."""
_NOT_SETTINGS = {
    "database",
    "query",
    "query_id",
    "default_format",
    "enable_http_compression",
    "compress",
    "decompress",
}
_NOT_SETTINGS |= {
    "wait_end_of_query",
    "session_id",
    "client_protocol_version",
    "send_progress_in_http_headers",
}
_NOT_SETTINGS |= {"http_headers_progress_interval_ms", "role", "buffer_size", "user", "password"}
_INSERT = re.compile(rb"^\s*INSERT\s+INTO\b.*?\bFORMAT\s+(\w+)[ \t]*\n?", re.IGNORECASE | re.DOTALL)


class ClickHouseFront:
    """A context manager; `kill()` and `start()` again serve the same data on the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.url = f"http://default:@127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.support.clickhouse_http",
            str(self._directory),
            str(self._port),
        ]
        self._process = subprocess.Popen(command, cwd=Path(__file__).parent.parent.parent)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "the front ended by itself"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/ping", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the front does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Any = None  # a function that opens a connection
    pool: list[Any]
    pool_lock: threading.Lock

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n")
        else:
            self._run(b"")

    def do_POST(self) -> None:
        self._run(self._body())

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().strip(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _run(self, body: bytes) -> None:
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.headers.get_content_type() == "multipart/form-data":  # what is too long for the address
            given |= _form(self.headers["Content-Type"], body)
            body = b""
        if any(len(value.encode()) > _MOST_BYTES for value in given.values()):
            refusal = b"Code: 1000. DB::Exception: HTML Form Exception: Field value too long. (POCO_EXCEPTION)"
            self._answer(500, refusal, {"X-ClickHouse-Exception-Code": "1000"})
            return
        query = given.get("query", "").encode()
        if not query:
            query, body = body, b""
        encoding = self.headers.get("Content-Encoding", "")
        settings = {k: v for k, v in given.items() if k not in _NOT_SETTINGS and not k.startswith("param_")}
        parameters = {k.removeprefix("param_"): v for k, v in given.items() if k.startswith("param_")}
        connection = self._borrow()
        try:
            if given.get("database"):
                connection.query(f"USE `{given['database']}`")
            if settings:
                connection.query("SET " + ", ".join(f"{name} = '{value}'" for name, value in settings.items()))
            answer = self._execute(connection, query, body, encoding, parameters, given)
        except Exception as error:
            connection.close()  # its settings, and what is left of its result, must not reach the next one
            text = str(error)
            code = re.search(r"Code: (\d+)", text)
            self._answer(500, text.encode(), {"X-ClickHouse-Exception-Code": code[1] if code else "0"})
            return
        if settings:
            connection.query("SET " + ", ".join(f"{name} = DEFAULT" for name in settings))
        with self.pool_lock:
            self.pool.append(connection)
        self._answer(200, answer)

    def _execute(
        self,
        connection: Any,
        query: bytes,
        body: bytes,
        encoding: str,
        parameters: dict[str, str],
        given: dict[str, str],
    ) -> bytes:
        insert = _INSERT.match(query + b"\n" + body if body else query)
        if insert and (body or len(query) > insert.end()):
            whole = query + b"\n" + body if body else query
            return self._insert(connection, whole, insert, encoding, parameters)
        text = query.decode()
        explicit = re.search(r"\bFORMAT\s+(\w+)\s*;?\s*$", text, re.IGNORECASE)
        if explicit:
            text, out = text[: explicit.start()], explicit[1]
        else:
            out = given.get("default_format", "TabSeparated")
        result = connection.query(text, out, params=parameters or {})
        return bytes(result.bytes())

    def _insert(
        self,
        connection: Any,
        whole: bytes,
        insert: re.Match[bytes],
        encoding: str,
        parameters: dict[str, str],
    ) -> bytes:
        head = whole[: insert.end()].decode()
        statement = re.sub(r"\bFORMAT\s+\w+\s*$", "", head.strip(), flags=re.IGNORECASE)
        with tempfile.NamedTemporaryFile() as file:
            file.write(whole[insert.end() :])
            file.flush()
            packed = f" COMPRESSION '{encoding}'" if encoding else ""
            sql = f"{statement} FROM INFILE '{file.name}'{packed} FORMAT {insert[1].decode()}"
            connection.query(sql, params=parameters or {})
        return b""

    def _borrow(self) -> Any:
        with self.pool_lock:
            if self.pool:
                return self.pool.pop()
        return type(self).engine()

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Server-Display-Name", "front")
        self.send_header("X-ClickHouse-Summary", json.dumps({"written_rows": "0"}))
        self.send_header("X-ClickHouse-Timezone", "UTC")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, by name."""
    form = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields = {}
    for part in form.get_payload():
        assert isinstance(part, Message)
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        fields[str(part.get_param("name", header="content-disposition"))] = value.decode()
    return fields


def main() -> None:
    import chdb

    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    first = chdb.connect(arguments.directory)  # keeps the engine open
    _Handler.engine = staticmethod(lambda: chdb.connect(arguments.directory))
    _Handler.pool = []
    _Handler.pool_lock = threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), _Handler)
    server.daemon_threads = True
    server.serve_forever()
    first.close()


if __name__ == "__main__":
    main()
