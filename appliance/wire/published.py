"""Files that the box publishes: `GET /crl/{name}.crl` and `GET /ca/{name}.cer` (RFC 2585).

The signer replaces them whole in one folder; a client that has the present one is told so.
"""

from __future__ import annotations

import os
import re
import stat
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from wsgiref.handlers import format_date_time

import attrs

from appliance.quantities import NS_PER_S
from appliance.wire.http.site import Request, Response, Route, problem

MAX_FILE_OCTETS = 64 << 20
KEPT_OCTETS = 2 * MAX_FILE_OCTETS

_MEDIA_TYPES = {"crl": "application/pkix-crl", "cer": "application/pkix-cert"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\.(crl|cer)")


def published_routes(
    folder: Path, *, max_file_octets: int = MAX_FILE_OCTETS, kept_octets: int = KEPT_OCTETS
) -> Mapping[str, Mapping[str, Route]]:
    """Give the routes of the files in `folder`; there may be none yet.

    Of the files, each of at most `max_file_octets`, memory holds at most `kept_octets` together.
    """
    shelf = _Shelf(folder, max_file_octets, kept_octets)
    return {
        f"/{place}/": {"GET": route, "HEAD": route}
        for place, suffix in (("crl", "crl"), ("ca", "cer"))
        for route in [Route(_Handler(shelf, suffix), body_limit=0)]
    }


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the client has what is tagged so.  RFC 9110 13.1.2."""
    given = request.headers.get(b"if-none-match", b"").decode("latin-1")
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return etag in tags or "*" in tags


@attrs.frozen
class _File:
    """What was read, and what the disk said of it then."""

    version: tuple[int, int, int]
    octets: bytes
    fields: tuple[str, ...]
    etag: str


class _Shelf:
    """Reads files, each once as long as it does not change; the longest unused go first."""

    def __init__(self, folder: Path, max_file_octets: int, kept_octets: int) -> None:
        self._folder = folder
        self._max_file_octets = max_file_octets
        self._kept_octets = kept_octets
        self._files: OrderedDict[str, _File] = OrderedDict()

    def find(self, name: str) -> _File | None:
        """Give a file that is there, whole and not too long."""
        try:
            with os.fdopen(_open_plain(self._folder / name), "rb") as file:
                facts = os.fstat(file.fileno())
                if not stat.S_ISREG(facts.st_mode) or facts.st_size > self._max_file_octets:
                    return None
                version = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
                known = self._files.get(name)
                if known is None or known.version != version:
                    known = self._files[name] = _made(version, file.read())
        except OSError:
            self._files.pop(name, None)
            return None
        self._files.move_to_end(name)
        while sum(len(each.octets) for each in self._files.values()) > self._kept_octets:
            self._files.popitem(last=False)
        return known


def _open_plain(path: Path) -> int:
    """Open without waiting for the other end of a pipe, and through no link."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)


def _made(version: tuple[int, int, int], octets: bytes) -> _File:
    inode, modified_ns, size = version
    etag = f'"{inode:x}-{modified_ns:x}-{size:x}"'
    fields = (
        f"Last-Modified: {format_date_time(modified_ns // NS_PER_S)}",
        "Cache-Control: no-cache",  # kept, but asked about: a new list must be seen at once
        f"ETag: {etag}",
    )
    return _File(version, octets, fields, etag)


@attrs.frozen
class _Handler:
    """Answers for one kind of file."""

    shelf: _Shelf
    suffix: str

    def __call__(self, request: Request) -> None:
        """Give the file, or the news that the client has it."""
        match = _NAME.fullmatch(request.parameter)
        found = None
        if match is not None and match[1] == self.suffix:
            found = self.shelf.find(request.parameter)
        if found is None:
            request.reply(problem(404, "no such file is published here"))
            return
        status = 304 if is_known(request, found.etag) else 200
        media_type = _MEDIA_TYPES[self.suffix]
        request.reply(Response(status, media_type, found.octets, fields=found.fields))
