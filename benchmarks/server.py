"""A loopback web server in processes of its own: nginx where it is installed, else a small Python one.

Every 127.x.y.z is a host of its own: a program that asks one host politely is measured, not its politeness.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

_NGINX = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    log_format bench "$status\t$http_user_agent";
    access_log {log} bench; types {{ text/html html; application/xml xml; application/json json; }} {paths}
    keepalive_timeout 60; keepalive_requests 100000; sendfile on; etag {etag}; {ignore}
    server {{
        listen {port} backlog=4096; root {root};
        location = /robots.txt {{ access_log off; return 404; }}
    }}
}}
"""
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_IGNORE = 'if_modified_since off; add_header ETag "\\"as-ever\\"";'


class Server:
    """Serves a folder; with ``ignore`` it gives validators and takes no notice of them."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root
        self.log = folder / "access.log"
        self.kind = "nginx" if shutil.which("nginx") else "python"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, number: int, path: str) -> str:
        """Return the address of a path on host number so and so."""
        host = number + 257
        return f"http://127.{host >> 16}.{host >> 8 & 255}.{host & 255}:{self.port}/{path}"

    def start(self, *, ignore: bool = False) -> None:
        """Start, or start anew."""
        self.stop()
        self.log.write_text("")
        self._process = subprocess.Popen(self._command(ignore))
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def etag(self, file: Path) -> bytes:
        """Return the ETag that it gives a file."""
        stat = file.stat()
        seconds = int(stat.st_mtime)
        return b'"%x-%x"' % (seconds, stat.st_size)

    def answers(self) -> Counter[str]:
        """Return how often each status was answered since the last start."""
        return Counter(line.partition("\t")[0] for line in self.log.read_text().splitlines())

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _command(self, ignore: bool) -> list[str]:
        if self.kind == "python":
            arguments = [str(self.port), str(self.root), str(self.log), str(int(ignore))]
            return [sys.executable, "-m", "benchmarks.httpd", *arguments]
        paths = " ".join(f"{name}_temp_path {self.folder}/{name};" for name in _TEMPORARY)
        text = _NGINX.format(
            folder=self.folder, log=self.log, port=self.port, root=self.root, paths=paths,
            user="user root;" if os.geteuid() == 0 else "", etag="off" if ignore else "on",
            ignore=_IGNORE if ignore else "",
        )  # fmt: skip
        config = self.folder / "nginx.conf"
        config.write_text(text)
        return ["nginx", "-c", str(config), "-p", str(self.folder), "-e", str(self.folder / "error.log")]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
