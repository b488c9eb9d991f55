"""Seeds of the fuzz targets for what other authorities send: CMP answers, files of an import."""

import io
import zipfile
from collections.abc import Callable, Mapping

from appliance.asn1 import der, pem
from appliance.asn1.x509 import decode_certificate
from appliance.pki.cmp import writing
from appliance.pki.cmp.protection import SharedSecret
from appliance.pki.cmp.transaction import Transaction
from appliance.quantities import Utc
from kit.certificates import signer_certificate

CMP_SECRET = SharedSecret(b"box", b"secret")
CMP_NOW = Utc(1_790_000_000_000_000)


def all_seeds() -> Mapping[str, Mapping[str, bytes]]:
    """Give the seeds by target."""
    return {"cmp_answer": answer_seeds(), "import_file": import_seeds()}


def begun_update() -> tuple[Transaction, bytes]:
    """Begin the same key update each time; gives it and its first message."""
    leaf = decode_certificate(signer_certificate().certificate)
    exchange = Transaction(CMP_SECRET, _draws())
    return exchange, exchange.update(leaf, leaf.spki, CMP_NOW)


def answer_seeds() -> Mapping[str, bytes]:
    """Answer that key update in every way there is."""
    certificate = signer_certificate().certificate
    accepted = der.sequence(der.integer(0))
    said = der.sequence(der.utf8_string("not today"))
    refused = der.sequence(der.integer(2), said, der.tlv(der.BIT_STRING, b"\x02\x04"))
    pair = der.sequence(der.tlv(der.context(0), certificate))
    zero = der.integer(0)
    response = der.sequence(der.sequence(zero, accepted, pair))
    waiting = der.sequence(der.sequence(der.sequence(zero, der.sequence(der.integer(3)))))
    above = der.tlv(der.context(1), der.sequence(certificate))
    return {
        "granted": _answer(8, der.sequence(response)),
        "with-issuers": _answer(8, der.sequence(above, response)),
        "waiting": _answer(8, waiting),
        "poll": _answer(26, der.sequence(der.sequence(zero, der.integer(5)))),
        "refused": _answer(8, der.sequence(der.sequence(der.sequence(zero, refused)))),
        "error": _answer(23, der.sequence(refused, der.integer(7), said)),
        "revoked": _answer(12, der.sequence(der.sequence(accepted))),
        "confirmed": _answer(19, der.NULL_VALUE),
    }


def import_seeds() -> Mapping[str, bytes]:
    """Bring a certificate back in every form that is taken."""
    certificate = signer_certificate().certificate
    text = pem.write("CERTIFICATE", certificate)
    return {
        "der": certificate,
        "pem": b"a remark\n" + text * 2,
        "stored": _zipped({"a.cer": certificate, "noise": b"noise"}, zipfile.ZIP_STORED),
        "deflated": _zipped({"x/a.pem": text, "x/": b""}, zipfile.ZIP_DEFLATED),
    }


def _answer(kind: int, body: bytes) -> bytes:
    """Seal an answer to the key update, whose numbers are the first that are drawn."""
    draw = _draws()
    transaction, nonce = draw(16), draw(16)
    heading = writing.Heading(CMP_SECRET, transaction)
    return heading.message(kind, body, nonce=bytes(16), salt=bytes(16), at=CMP_NOW, answers=nonce)


def _draws() -> Callable[[int], bytes]:
    count = iter(range(256))
    return lambda octets: bytes((next(count),)) * octets


def _zipped(files: Mapping[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, octets in files.items():
            archive.writestr(zipfile.ZipInfo(name), octets, method)
    return buffer.getvalue()
