"""What this box itself says of its certificates: its roots, authorities, lists and OCSP answers.

None of it is fetched: the signer puts files into the public folder, and answers OCSP on a socket.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from appliance.asn1 import pem
from appliance.asn1.status.crl import MAX_OCTETS, CertificateList, decode_crl
from appliance.asn1.status.ocsp import OcspResponse
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.errors import Malformed
from appliance.pki.names import same_name
from appliance.pki.ocsp.asking import make_request
from appliance.pki.ocsp.judging import read_response
from appliance.quantities import Utc
from appliance.services.verification.fetching import AllowList, Fetcher
from appliance.services.verification.revocations import FetchLimits, Revocations
from appliance.services.verification.verifying import Anchors, Run

_T = TypeVar("_T")

AskOcsp = Callable[[bytes, Callable[[bytes], None]], None]
"""Has an OCSPRequest answered: calls back once with the OCSPResponse, now or later."""


class PublicShelf:
    """The files of the public folder; blocks, and so belongs to one thread.

    `bundles` are PEM files of roots.  `published` has `NAME.cer` of each authority in DER, and the
    lists `NAME.crl` and `NAME-delta.crl`.  A list of more than 8 MiB is not looked into: whoever
    has so many certificates revoked is asked by OCSP.
    """

    def __init__(self, bundles: Iterable[Path], published: Path) -> None:
        self._bundles = tuple(_Kept(path, _read_roots) for path in bundles)
        self._published = published
        self._authorities: dict[str, _Kept[Certificate]] = {}
        self._lists: dict[str, _Kept[CertificateList]] = {}

    def anchors(self) -> Anchors:
        """Give the roots, and the authorities that this box is."""
        roots = [root for bundle in self._bundles for root in bundle.get() or ()]
        return Anchors(tuple(dict.fromkeys(roots)), tuple(self.authorities().values()))

    def authorities(self) -> dict[str, Certificate]:
        """Give the authorities of this box by their names."""
        found: dict[str, Certificate] = {}
        for path in sorted(self._published.glob("*.cer")):
            kept = self._authorities.setdefault(path.stem, _Kept(path, decode_certificate))
            certificate = kept.get()
            if certificate is not None:
                found[path.stem] = certificate
        return found

    def is_own(self, issuer: Certificate) -> bool:
        """Tell whether an authority is one of this box, by its key."""
        return any(issuer.spki == each.spki for each in self.authorities().values())

    def issuer(self, certificate: Certificate) -> str | None:
        """Tell which authority of this box a certificate names as its issuer."""
        for name, authority in self.authorities().items():
            if same_name(authority.subject, certificate.issuer):
                return name
        return None

    def lists(self, authority: str) -> list[CertificateList]:
        """Give the lists of an authority that there are."""
        found: list[CertificateList] = []
        for name in (f"{authority}.crl", f"{authority}-delta.crl"):
            path = self._published / name
            crl = self._lists.setdefault(name, _Kept(path, decode_crl)).get()
            found += () if crl is None else (crl,)
        return found


class OwnRevocations(Revocations):
    """Answers for the authorities of this box from its files and its signer, and fetches the rest.

    Where this box is the issuer nobody else is asked.
    """

    def __init__(
        self,
        shelf: PublicShelf,
        ask: AskOcsp,
        run: Run,
        *,
        fetcher: Fetcher,
        allowed: AllowList,
        now: Callable[[], Utc],
        limits: FetchLimits | None = None,
    ) -> None:
        super().__init__(fetcher, allowed, now, limits)
        self._shelf = shelf
        self._ask = ask
        self._run = run

    async def lists(self, certificate: Certificate) -> list[CertificateList]:
        """Give the lists that a certificate would be on."""
        own = await self._run(lambda: self._own_lists(certificate))
        return await super().lists(certificate) if own is None else own

    async def answers(self, certificate: Certificate, issuer: Certificate) -> list[OcspResponse]:
        """Give what a responder says of a certificate; a signer that is away says nothing."""
        if not await self._run(lambda: self._shelf.is_own(issuer)):
            return await super().answers(certificate, issuer)
        answered: Deferred[bytes] = Deferred()
        self._ask(make_request(certificate, issuer), answered.callback)
        response = read_response(await answered)
        return [] if response.basic is None else [response]

    def _own_lists(self, certificate: Certificate) -> list[CertificateList] | None:
        name = self._shelf.issuer(certificate)
        return None if name is None else self._shelf.lists(name)


class _Kept(Generic[_T]):
    """What a file holds, read again when it is another; one that cannot be read holds nothing."""

    _log = Logger()

    def __init__(self, path: Path, read: Callable[[bytes], _T]) -> None:
        self._path = path
        self._read = read
        self._version: tuple[int, int, int] | None = None
        self._value: _T | None = None

    def get(self) -> _T | None:
        """Give it as it is now."""
        try:
            facts = self._path.stat()
        except FileNotFoundError:
            self._version = self._value = None
            return None
        version = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if version != self._version:
            self._version = version
            self._value = self._renewed(facts)
        return self._value

    def _renewed(self, facts: os.stat_result) -> _T | None:
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_OCTETS:
            self._log.error("a public file is none, or too long", path=str(self._path))
            return None
        try:
            return self._read(self._path.read_bytes())
        except (Malformed, OSError) as error:
            self._log.error("a public file cannot be read", path=str(self._path), why=str(error))
            return None


def _read_roots(text: bytes) -> Sequence[Certificate]:
    return tuple(map(decode_certificate, pem.read_all(text, "CERTIFICATE")))
