"""The loopback server where there is no nginx: python -m benchmarks.httpd PORT FOLDER LOG IGNORE."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TextIO

TYPES = {".html": b"text/html", ".xml": b"application/xml", ".json": b"application/json"}


class Connection(asyncio.Protocol):
    """Answers every GET with a file, or 304 to a request that holds its validator."""

    def __init__(self, root: Path, log: TextIO, ignore: bool) -> None:
        self.root, self.log, self.ignore, self.buffer = root, log, ignore, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            request, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.transport.write(self._answer(request))  # type: ignore[attr-defined]

    def _answer(self, request: bytes) -> bytes:
        path = self.root / request.split(b" ", 2)[1].decode().lstrip("/")
        try:
            stat = path.stat()
        except OSError:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        tag = b'"as-ever"' if self.ignore else b'"%x-%x"' % (int(stat.st_mtime), stat.st_size)
        agent = next((r[12:] for r in request.split(b"\r\n") if r.lower().startswith(b"user-agent: ")), b"")
        same = not self.ignore and tag in request
        self.log.write(f"{304 if same else 200}\t{agent.decode('latin-1')}\n")
        if same:
            return b"HTTP/1.1 304 Not Modified\r\nETag: %b\r\n\r\n" % tag
        body = path.read_bytes()
        kind = TYPES.get(path.suffix, b"text/plain")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nETag: %b\r\nContent-Length: %d\r\n\r\n"
        return head % (kind, tag, len(body)) + body


async def serve(port: int, root: Path, log: Path, ignore: bool) -> None:
    with log.open("a", buffering=1) as lines:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: Connection(root, lines, ignore), "0.0.0.0", port)  # noqa: S104
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] == "1"))
