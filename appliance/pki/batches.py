"""Batches of requests that leave the box as a ZIP, and the certificates that come back for them.

A batch holds `manifest.json`, its detached signature `manifest.p7s`, the chain to verify that
under, and a PKCS#10 request a row.  What comes back is matched by key alone: names of files, their
order and their number mean nothing.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence

import attrs
import msgspec

from appliance.asn1 import pem
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.errors import Malformed
from appliance.quantities import Utc

MAX_ROWS = 10_000
MAX_FILE_OCTETS = 1 << 20
MAX_OCTETS = 64 << 20
MANIFEST, SIGNATURE, CHAIN = "manifest.json", "manifest.p7s", "chain.pem"

Hash = Callable[[bytes], bytes]

_ENCRYPTED = 1  # APPNOTE.TXT 4.4.4, bit 0
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date a ZIP can tell: ours tell their date inside


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request in a manifest; digests are SM3 in hex, `file` its name in the ZIP."""

    request: str
    file: str
    sm3: str
    spki_sm3: str
    subject: str
    template: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a batch says of itself; `created` is UTC in ISO 8601."""

    batch: str
    created: str
    rows: tuple[Row, ...]
    version: int = 1


@attrs.frozen
class Outgoing:
    """One request on its way out: id in hex, PKCS#10 and SubjectPublicKeyInfo in DER."""

    request: str
    csr: bytes
    spki: bytes
    subject: str
    template: str


@attrs.frozen
class Incoming:
    """What one file of an import held: a certificate, or why it holds none."""

    file: str
    certificate: Certificate | None
    fault: str = ""


def make_manifest(batch: str, created: Utc, requests: Sequence[Outgoing], sm3: Hash) -> bytes:
    """Render the manifest of a batch as JSON, a row a request in the order given."""
    rows = (
        Row(
            request=each.request,
            file=_file_of(each),
            sm3=sm3(each.csr).hex(),
            spki_sm3=sm3(each.spki).hex(),
            subject=each.subject,
            template=each.template,
        )
        for each in requests
    )
    manifest = Manifest(batch, created.isoformat(), tuple(rows))
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def pack(manifest: bytes, signature: bytes, chain: bytes, requests: Sequence[Outgoing]) -> bytes:
    """Put a batch into a ZIP; the same batch gives the same octets.

    `signature` is a detached SignedData over `manifest` in DER, `chain` PEM.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, octets in ((MANIFEST, manifest), (SIGNATURE, signature), (CHAIN, chain)):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), octets, zipfile.ZIP_DEFLATED)
        for each in requests:
            archive.writestr(zipfile.ZipInfo(_file_of(each), _EPOCH), each.csr)
    return buffer.getvalue()


def read_import(name: str, octets: bytes) -> Iterator[Incoming]:
    """Find every certificate in a ZIP, a PEM file or a DER file, one result a certificate.

    Raises Malformed for a ZIP that is none, is encrypted, has over `MAX_ROWS` files, or unpacks to
    more than it may; a single bad file in it is a result.
    """
    if not octets.startswith(b"PK"):
        yield from _read_file(name, octets)
        return
    for file, content in _unpack(octets):
        yield from _read_file(file, content)


def _file_of(request: Outgoing) -> str:
    return f"requests/{request.request}.csr"


def _unpack(octets: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            files = [each for each in archive.infolist() if not each.filename.endswith("/")]
            if len(files) > MAX_ROWS:
                raise Malformed(f"the ZIP holds more than {MAX_ROWS} files")
            left = MAX_OCTETS
            for file in files:
                content = _read_entry(archive, file)
                left -= len(content)
                if left < 0:
                    raise Malformed(f"the ZIP unpacks to more than {MAX_OCTETS} octets")
                yield file.filename, content
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise Malformed(f"the ZIP cannot be read: {error}") from None


def _read_entry(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> bytes:
    """Read at most what a file may have, whatever the directory says of its size."""
    if file.flag_bits & _ENCRYPTED or file.compress_type not in _COMPRESSIONS:
        raise Malformed(f"{file.filename!r} is encrypted, or compressed otherwise than by deflate")
    with archive.open(file) as stream:
        content = stream.read(MAX_FILE_OCTETS + 1)
    if len(content) > MAX_FILE_OCTETS:
        raise Malformed(f"{file.filename!r} unpacks to more than {MAX_FILE_OCTETS} octets")
    return content


def _read_file(file: str, octets: bytes) -> Iterator[Incoming]:
    if b"-----BEGIN" not in octets:
        yield _decode(file, octets)
        return
    try:
        blocks = pem.read_all(octets, "CERTIFICATE", limit=MAX_OCTETS, max_blocks=MAX_ROWS)
    except Malformed as error:
        yield Incoming(file, None, str(error))
        return
    if not blocks:
        yield Incoming(file, None, "holds no certificate")
    for block in blocks:
        yield _decode(file, block)


def _decode(file: str, octets: bytes) -> Incoming:
    try:
        return Incoming(file, decode_certificate(octets))
    except Malformed as error:
        return Incoming(file, None, str(error))
