"""Verification for everyone: a question as a client asks it, and the facts that answer it.

Nothing secret is needed: tokens, certificates and lists are public, and so are the roots, which are
read from files and read again when these change.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from twisted.logger import Logger

from appliance.asn1 import oids, pem
from appliance.asn1.status.crl import CertificateList
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import Sm2Engine
from appliance.errors import Malformed
from appliance.quantities import Utc
from appliance.services.reactor import Clock
from appliance.tsp.hashes import DocumentHash, Imprint, digest_imprint
from appliance.tsp.verifying.facts import report_facts
from appliance.tsp.verifying.verification import Evidence, Expected, Trust, verify_token

MAX_LISTS_OCTETS = 1 << 20
"""All lists of one question together: their hash is some 4 ms of the reactor's time."""

_LOOK_S = 1.0
_MAX_ROOTS_OCTETS = 1 << 20
_DIGESTS = {
    "sm3": (oids.SM3, 32),
    "sha256": (oids.SHA256, 32),
    "sha384": (oids.SHA384, 48),
    "sha512": (oids.SHA512, 64),
}
"""The hashes by the names that JSON uses, hyphens and capitals left out, with their octets."""

Oid = Annotated[str, Meta(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+\Z", max_length=64)]
Number = Annotated[str, Meta(pattern=r"^(0x[0-9a-fA-F]{1,128}|-?[0-9]{1,155})\Z")]


class DigestValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document's digest: `value` in hexadecimal or base64, whichever its length says."""

    algorithm: Annotated[str, Meta(max_length=16)]
    value: Annotated[str, Meta(max_length=128)]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A token and what it is to be held against.

    Either `digest` or `document` is there.  `certificates` is PEM; `crls` are DER; octets are
    base64 in JSON.  `nonce` may be a string, as few clients keep 64 bits of a JSON number.
    """

    token: bytes
    digest: DigestValue | None = None
    document: bytes | None = None
    certificates: Annotated[str, Meta(max_length=64 * 1024)] = ""
    crls: Annotated[tuple[bytes, ...], Meta(max_length=16)] = ()
    policy: Oid | None = None
    nonce: int | Number | None = None


class TrustedRoots:
    """What is trusted: the certificates of PEM files, looked at once a second at most."""

    _log = Logger()

    def __init__(self, engine: Sm2Engine, files: Sequence[Path], clock: Clock) -> None:
        self._engine = engine
        self._files = tuple(files)
        self._clock = clock
        self._seen: list[tuple[int, int] | None] = []
        self._look_at = clock.seconds()
        self._trust = Trust.under(engine, [])

    def trust(self) -> Trust:
        """Give the roots as they are; a file that cannot be read leaves those of before."""
        now = self._clock.seconds()
        if now >= self._look_at:
            self._look_at = now + _LOOK_S
            seen = [_version(path) for path in self._files]
            if seen != self._seen:
                self._seen = seen
                self._read()
        return self._trust

    def _read(self) -> None:
        present = [path for path, seen in zip(self._files, self._seen, strict=True) if seen]
        try:
            roots = [root for path in present for root in read_roots(path)]
        except (Malformed, OSError) as error:
            self._log.error("roots cannot be read", reason=str(error))
            return
        self._trust = Trust.under(self._engine, list(dict.fromkeys(roots)))


class Verifier:
    """Answers questions; `now` is by the host's clock, which only the age of lists is held to."""

    def __init__(self, roots: TrustedRoots, now: Callable[[], Utc]) -> None:
        self._roots = roots
        self._now = now

    def answer(self, question: Question, streamed: DocumentHash | None = None) -> dict[str, object]:
        """Verify, and give the facts; `streamed` is the document where it came piece by piece.

        Raises Malformed for a question that is none; a bad token is an answer.
        """
        trust = self._roots.trust()
        expected = Expected(_imprint(question, streamed), _nonce(question.nonce), question.policy)
        lists = _lists(question.crls, trust)
        # The clock is for the lists alone, and costs 6 us to read.
        now = self._now() if lists else None
        evidence = Evidence(_certificates(question.certificates, trust), lists, now)
        return report_facts(verify_token(question.token, expected, trust, evidence))


def read_roots(path: Path) -> list[Certificate]:
    """Read the certificates of a PEM file.  Raises Malformed, OSError."""
    with path.open("rb") as file:
        text = file.read(_MAX_ROOTS_OCTETS + 1)
    return [decode_certificate(block) for block in pem.read_all(text, "CERTIFICATE")]


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _imprint(question: Question, streamed: DocumentHash | None) -> Imprint:
    if (question.digest is None) == (question.document is None):
        raise Malformed("give either digest or document")
    if streamed is not None:
        if question.document:  # the one that was streamed left nothing behind
            raise Malformed("document stands twice")
        return streamed.imprint
    if question.document is not None:
        whole = DocumentHash()
        whole.update(question.document)
        return whole.imprint
    assert question.digest is not None
    return _read_digest(question.digest)


def _read_digest(given: DigestValue) -> Imprint:
    known = _DIGESTS.get(given.algorithm.lower().replace("-", ""))
    if known is None:
        raise Malformed(f"digest.algorithm is one of {', '.join(_DIGESTS)}")
    oid, size = known
    try:
        if len(given.value) == 2 * size:
            value = bytes.fromhex(given.value)
        else:
            value = base64.b64decode(given.value, validate=True)
    except (ValueError, binascii.Error):
        value = b""
    if len(value) != size:
        raise Malformed(f"digest.value is {size} octets in hexadecimal or base64")
    return digest_imprint(oid, value)


def _nonce(given: int | str | None) -> int | None:
    if isinstance(given, str):
        return int(given, 16 if given.startswith("0x") else 10)
    return given


def _certificates(text: str, trust: Trust) -> list[Certificate]:
    if not text:
        return []
    blocks = pem.read_all(text.encode(), "CERTIFICATE")
    found = [trust.paths.certificate(block) for block in blocks]
    if not found:
        raise Malformed("certificates holds no PEM certificate")
    return found


def _lists(given: tuple[bytes, ...], trust: Trust) -> list[CertificateList]:
    if sum(map(len, given)) > MAX_LISTS_OCTETS:
        raise Malformed(f"crls have more than {MAX_LISTS_OCTETS} octets together")
    return [trust.lists.decode(each) for each in given]
