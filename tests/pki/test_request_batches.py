"""Batches of requests out, certificates in."""

import io
import json
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.certificates import signer_certificate

from appliance.asn1 import pem
from appliance.errors import Malformed
from appliance.pki import batches
from appliance.pki.batches import Outgoing
from appliance.quantities import Utc

CREATED = Utc(1_790_000_000_000_000)
REQUESTS = [
    Outgoing(f"{n:032x}", b"csr %d" % n, b"spki %d" % n, f"CN={n}", "person") for n in (1, 2)
]


def digest(octets: bytes) -> bytes:
    """Stand in for SM3."""
    return zlib.crc32(octets).to_bytes(32, "big")


def zipped(files: dict[str, bytes]) -> bytes:
    """Make a ZIP of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in files.items():
            archive.writestr(name, octets)
    return buffer.getvalue()


def test_a_batch_holds_every_request_under_the_digest_its_manifest_tells():
    manifest = batches.make_manifest("ab" * 16, CREATED, REQUESTS, digest)
    packed = batches.pack(manifest, b"signature", b"chain", REQUESTS)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        told = json.loads(archive.read("manifest.json"))
        assert archive.read("manifest.json") == manifest
        assert archive.read("manifest.p7s") == b"signature"
        assert [digest(archive.read(row["file"])).hex() for row in told["rows"]] == [
            row["sm3"] for row in told["rows"]
        ]
    assert [row["request"] for row in told["rows"]] == [each.request for each in REQUESTS]
    assert told["created"] == CREATED.isoformat()


def test_the_same_batch_gives_the_same_octets():
    manifest = batches.make_manifest("ab" * 16, CREATED, REQUESTS, digest)
    first, second = (batches.pack(manifest, b"s", b"c", REQUESTS) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("form", ["der", "pem", "zip of both"])
def test_certificates_are_found_in_every_form(form):
    der = signer_certificate().certificate
    text = b"a remark\n" + pem.write("CERTIFICATE", der) * 2
    octets = {"der": der, "pem": text, "zip of both": zipped({"x/a.cer": der, "b.pem": text})}[form]
    found = [each.certificate.der for each in batches.read_import("file", octets)]
    assert found == [der] * {"der": 1, "pem": 2, "zip of both": 3}[form]


def test_a_bad_file_is_a_row_and_the_others_are_read():
    der = signer_certificate().certificate
    octets = zipped({"bad.cer": b"nonsense", "empty.pem": b"-----BEGIN X-----", "good.cer": der})
    rows = list(batches.read_import("import.zip", octets))
    assert [(row.file, row.certificate is not None, bool(row.fault)) for row in rows] == [
        ("bad.cer", False, True),
        ("empty.pem", False, True),
        ("good.cer", True, False),
    ]


def test_a_file_that_unpacks_to_too_much_is_refused():
    with pytest.raises(Malformed, match="unpacks to more"):
        list(batches.read_import("bomb.zip", zipped({"a": bytes(batches.MAX_FILE_OCTETS + 1)})))


def test_files_that_together_unpack_to_too_much_are_refused():
    files = {str(n): bytes(batches.MAX_FILE_OCTETS) for n in range(65)}
    with pytest.raises(Malformed, match="unpacks to more"):
        list(batches.read_import("bomb.zip", zipped(files)))


def test_too_many_files_are_refused():
    files = {str(n): b"" for n in range(batches.MAX_ROWS + 1)}
    with pytest.raises(Malformed, match="more than"):
        list(batches.read_import("many.zip", zipped(files)))


@pytest.mark.parametrize(("flags", "method"), [(1, 8), (0, 12), (0, 14), (0, 99)])
def test_what_is_encrypted_or_compressed_otherwise_is_refused(flags, method):
    octets = bytearray(zipped({"a": b"x"}))
    for at in (6, octets.rfind(b"PK\x01\x02") + 8):
        octets[at] |= flags
        octets[at + 2] = method
    with pytest.raises(Malformed, match="encrypted, or compressed"):
        list(batches.read_import("secret.zip", bytes(octets)))


def test_a_file_without_a_name_is_read_as_any():
    octets = bytearray(zipped({"a": b"nonsense"}))
    directory = octets.rfind(b"PK\x01\x02")
    octets[directory + 28] = 0  # the length of its name
    octets[26] = 0
    with pytest.raises(Malformed, match="cannot be read"):
        list(batches.read_import("nameless.zip", bytes(octets)))


@given(st.binary(max_size=400), st.integers(0, 200), st.binary(max_size=8))
def test_garbage_raises_nothing_but_malformed(garbage, at, patch):
    whole = zipped({"a.cer": b"nonsense", "b.pem": b"-----BEGIN CERTIFICATE-----"})
    for octets in (garbage, b"PK" + garbage, whole[:at] + patch + whole[at + len(patch) :]):
        try:
            rows = list(batches.read_import("x", octets))
        except Malformed:
            continue
        assert all(row.certificate is None for row in rows)
