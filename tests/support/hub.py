"""A small model hub on loopback: the API and the files, as the libraries ask for them.

The routes are those of huggingface_hub, transformers, sae-lens and datasets. Files lie under
`root`: models as ORG/NAME/..., data sets as datasets/ORG/NAME/.... Every repository has one commit.
"""

import hashlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOOD_TOKEN = "hf_goodgoodgoodgoodgoodgoodgoodgood"
OTHER_TOKEN = "hf_otherotherotherotherotherotheroth"
"""A real account that has not accepted the licence."""


@dataclass
class Hub:
    root: Path
    address: str = ""
    gated: set[str] = field(default_factory=set)
    """Repositories that want GOOD_TOKEN."""
    broken: int = 0
    """So many file transfers still to be cut in the middle."""
    pinned: set[str] = field(default_factory=set)
    """Other revisions it has: the one commit, under names that a library asks for."""
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve(root: Path) -> Iterator[Hub]:
    hub = Hub(root)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub})
    )
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(body=True, posted=sent)

    def _answer(self, body: bool, posted: bytes = b"") -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in (GOOD_TOKEN, OTHER_TOKEN):
            self._refuse(401, None, "Invalid credentials in Authorization header")
        elif match := re.fullmatch(r"/((?:datasets/)?[^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(*match.groups(), token, body)
        elif match := re.fullmatch(
            r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?",
            path,
        ):
            kind, name, what, revision, inside = match.groups()
            repository = f"datasets/{name}" if kind == "datasets" else name
            self._api(repository, what, revision, inside or "", token, posted)
        else:
            self._refuse(404, "RepoNotFound", "Not Found")

    def _admitted(self, repository: str, revision: str | None, token: str) -> bool:
        """Whether the repository may be read; says why not."""
        if not (self.hub.root / repository).is_dir():
            self._refuse(401 if not token else 404, "RepoNotFound", "Repository not found")
        elif revision not in (None, "main", COMMIT, *self.hub.pinned):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif repository in self.hub.gated and token != GOOD_TOKEN:
            self._refuse(
                403 if token else 401, "GatedRepo", f"Access to model {repository} is restricted."
            )
        else:
            return True
        return False

    def _file(self, repository: str, revision: str, inside: str, token: str, body: bool) -> None:
        file = self.hub.root / repository / inside
        if not self._admitted(repository, revision, token):
            return
        if not file.is_file():
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        size = file.stat().st_size
        begin, end = 0, size
        if match := re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            begin, end = int(match[1]), min(size, int(match[2] or size) + 1)
        part = (begin, end) != (0, size)
        self.send_response(206 if part else 200)
        self.send_header("ETag", f'"{_etag(file)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - begin))
        if part:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self.end_headers()
        if not body:
            return
        with file.open("rb") as content:
            content.seek(begin)
            left = end - begin
            if self.hub.broken and left > 4096:
                self.hub.broken -= 1
                self.wfile.write(content.read(left // 2))
                self.close_connection = True
                return
            while block := content.read(min(left, 1 << 20)):
                self.wfile.write(block)
                left -= len(block)

    def _api(
        self,
        repository: str,
        what: str | None,
        revision: str | None,
        inside: str,
        token: str,
        posted: bytes,
    ) -> None:
        folder = self.hub.root / repository
        if what is None or what == "revision":
            if not folder.is_dir() or revision not in (None, "main", COMMIT, *self.hub.pinned):
                self._admitted(repository, revision, token)
                return
            files = [
                {"rfilename": str(f.relative_to(folder))}
                for f in sorted(folder.rglob("*"))
                if f.is_file()
            ]
            gated = "manual" if repository in self.hub.gated else False
            self._json(
                {
                    "id": repository.removeprefix("datasets/"),
                    "sha": COMMIT,
                    "private": False,
                    "gated": gated,
                    "siblings": files,
                    "tags": [],
                }
            )
        elif self._admitted(repository, revision, token):
            if what == "paths-info":
                form = urllib.parse.parse_qs(posted.decode())
                wanted = form.get("paths") or json.loads(posted).get("paths", [])
                found = [folder / path for path in wanted if (folder / path).exists()]
                self._json([_entry(folder, path) for path in found])
            else:
                deep = "recursive=true" in self.path.lower()
                top = folder / inside
                if not top.is_dir():
                    self._refuse(404, "EntryNotFound", "Entry not found")
                    return
                found = sorted(top.rglob("*") if deep else top.iterdir())
                self._json([_entry(folder, path) for path in found])

    def _json(self, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, status: int, code: str | None, message: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _etag(file: Path) -> str:
    state = file.stat()
    return hashlib.sha256(f"{file}{state.st_size}{state.st_mtime_ns}".encode()).hexdigest()


def _entry(folder: Path, path: Path) -> dict[str, object]:
    return {
        "type": "directory" if path.is_dir() else "file",
        "path": str(path.relative_to(folder)),
        "oid": _etag(path),
        "size": 0 if path.is_dir() else path.stat().st_size,
    }
