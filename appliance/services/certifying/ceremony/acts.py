"""The acts of ceremonies: what each takes, what it checks before anyone signs, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, ClassVar, Protocol, cast

import attrs
import msgspec
from msgspec import Meta

from appliance.asn1 import oids, pem
from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.errors import Conflict, Malformed, NotFound, Refused
from appliance.pki.issuing import ROOT, spki_of
from appliance.pki.path import Verify
from appliance.pki.requests import make_request
from appliance.pki.validation.purposes import Purpose
from appliance.pki.validation.question import Material, Question, RevocationDemand
from appliance.pki.validation.validating import Validator
from appliance.quantities import Utc
from appliance.services.certifying.ceremony.ceremonies import (
    CUSTODIANS_NEEDED,
    Parameters,
    custodian_algorithm,
)
from appliance.services.certifying.journal import CustodianRow, Journal
from appliance.services.commissioning import ISSUING_PREFIX, Commissioner, Mode
from appliance.store.files import write_durably
from appliance.store.keyfiles import KeyFolder

MAX_CHAIN_OCTETS = 64 << 10
CUSTODIAN_LIMIT = 16

_AuthorityName = Annotated[str, Meta(pattern=rf"^{ISSUING_PREFIX}[a-z0-9][a-z0-9-]{{0,23}}\Z")]
_TsaName = Annotated[str, Meta(pattern=r"^tsa[a-z0-9-]{0,28}\Z")]
_CustodianName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
_Chain = Annotated[bytes, Meta(max_length=MAX_CHAIN_OCTETS)]
_Text = Annotated[str, Meta(min_length=1, max_length=64)]


@attrs.frozen
class Bench:
    """What acts work with; `adopt` takes a certificate of the kind named into service."""

    mode: Mode
    keys: KeyFolder
    certificates: Path
    commissioner: Commissioner
    journal: Journal
    verify: Verify
    adopt: Callable[[str, str], None]

    def key(self, name: str, usage: str) -> SigningKey:
        """Load a key; the caller closes it.  Raises as `KeyFolder.load`."""
        return self.keys.load(name, usage=usage, mode=self.mode)


class Act(Protocol):
    """What two custodians may agree to."""

    def check(self, bench: Bench, now: Utc) -> None:
        """Refuse what cannot be done, before custodians are troubled."""

    def perform(self, bench: Bench, now: Utc) -> dict[str, object]:
        """Do it, and tell what came of it."""


class _Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parent of acts: their fields are the parameters."""


class MakeAuthority(_Parameters, frozen=True):
    """An issuing authority under a root on this box, which only a demo has."""

    algorithm: KeyAlgorithm

    def check(self, bench: Bench, now: Utc) -> None:  # noqa: ARG002  no time is asked for
        """Refuse it in production, whose root is elsewhere."""
        if bench.mode != "demo":
            raise Refused("a root of production is off line: use request-authority")

    def perform(self, bench: Bench, now: Utc) -> dict[str, object]:  # noqa: ARG002  as above
        """Make it, unless it is there."""
        name = f"{ISSUING_PREFIX}{self.algorithm.value}"
        bench.commissioner.make_demo_authority(self.algorithm)
        bench.adopt(name, "issuing")
        return {"name": name}


class _Request(_Parameters, frozen=True, kw_only=True):
    """A key made here, or made before, and the request for its certificate."""

    usage: ClassVar[str]

    name: str
    algorithm: KeyAlgorithm
    common_name: _Text
    organization: Annotated[str, Meta(max_length=64)] = ""
    country: Annotated[str, Meta(max_length=2)] = ""

    def check(self, bench: Bench, now: Utc) -> None:  # noqa: ARG002  as above
        """Refuse a name that cannot be, and an algorithm that differs from the key's."""
        self._subject()
        try:
            key = bench.key(self.name, self.usage)
        except NotFound:
            return
        with closing(key):
            if key.algorithm is not self.algorithm:
                raise Conflict(f"the key {self.name} is of {key.algorithm.value}")

    def perform(self, bench: Bench, now: Utc) -> dict[str, object]:  # noqa: ARG002  as above
        """Make the key, if it is not there, and a PKCS#10 request."""
        try:
            key = bench.key(self.name, self.usage)
        except NotFound:
            key = bench.keys.create(self.name, self.algorithm, usage=self.usage, mode=bench.mode)
        with closing(key):
            spki = spki_of(key.algorithm, key.public)
            csr = make_request(
                self._subject(), spki, key.algorithm, lambda octets: key.sign_many([octets])[0]
            )
        return {"name": self.name, "csr": csr}

    def _subject(self) -> bytes:
        return encode_name(
            self.common_name,
            organization=self.organization or None,
            country=self.country or None,
        )


class RequestAuthority(_Request, frozen=True, kw_only=True):
    """The key of an issuing authority."""

    usage = "issuing"
    name: _AuthorityName


class RequestTsa(_Request, frozen=True, kw_only=True):
    """The key of a time-stamping authority."""

    usage = "tsa"
    name: _TsaName


class _Import(_Parameters, frozen=True, kw_only=True):
    """The certificate of a key of this box, and above it all up to a root, in PEM."""

    usage: ClassVar[str]
    purpose: ClassVar[Purpose]

    name: str
    chain: _Chain

    def check(self, bench: Bench, now: Utc) -> None:
        """Refuse a chain that does not hold, or is for another key or purpose."""
        chain = self._certificates()
        with closing(bench.key(self.name, self.usage)) as key:
            spki = spki_of(key.algorithm, key.public)
        if chain[0].spki != spki:
            raise Refused(f"the first certificate is not for the key {self.name}")
        _CONSTRAINTS[self.usage](chain[0])
        verdict = Validator(bench.verify).validate(
            chain[0],
            Material(roots=chain[-1:], intermediates=chain[1:-1]),
            Question(at=now, now=now, purpose=self.purpose, revocation=RevocationDemand.NONE),
        )
        if not verdict.is_valid or len(verdict.chain) != len(chain):
            raise Refused(f"the chain does not hold: {verdict}")

    def perform(self, bench: Bench, now: Utc) -> dict[str, object]:
        """Check once more, and write the chain beside the key."""
        self.check(bench, now)
        text = b"".join(pem.write("CERTIFICATE", each.der) for each in self._certificates())
        write_durably(bench.certificates / f"{self.name}.pem", text, mode=0o644)
        bench.adopt(self.name, self.usage)
        return {"name": self.name}

    def _certificates(self) -> list[Certificate]:
        blocks = pem.read_all(self.chain, "CERTIFICATE", limit=MAX_CHAIN_OCTETS, max_blocks=8)
        chain = [decode_certificate(block) for block in blocks]
        if len(chain) < 2 or not chain[-1].is_self_issued:
            raise Malformed("the chain is the certificate, those above it, and a root at the end")
        return chain


def _check_authority(certificate: Certificate) -> None:
    found = certificate.extensions
    constraints = found.basic_constraints
    if constraints is None or not constraints.ca or constraints.path_len != 0:
        raise Refused("an issuing authority is a CA of path length 0")
    if found.key_usage != ROOT.key_usage:
        raise Refused("an issuing authority has keyCertSign and cRLSign, and nothing else")
    if found.subject_key_id is None:
        raise Refused("an issuing authority has a subjectKeyIdentifier")


def _check_tsa(certificate: Certificate) -> None:
    purposes = certificate.extensions.find(oids.EXTENDED_KEY_USAGE)
    if purposes is None or not purposes.critical:
        raise Refused("a TSA has a critical extKeyUsage (RFC 3161 2.3)")
    if certificate.extensions.extended_key_usage != (oids.TIME_STAMPING,):
        raise Refused("a TSA has timeStamping as its sole purpose (RFC 3161 2.3)")


_CONSTRAINTS: Mapping[str, Callable[[Certificate], None]] = {
    "issuing": _check_authority,
    "tsa": _check_tsa,
}


class ImportAuthority(_Import, frozen=True, kw_only=True):
    """The certificate of an issuing authority."""

    usage = "issuing"
    purpose = Purpose.ANY
    name: _AuthorityName


class ImportTsa(_Import, frozen=True, kw_only=True):
    """The certificate of a time-stamping authority, used from the next start on."""

    usage = "tsa"
    purpose = Purpose.TIMESTAMPING
    name: _TsaName


class AddCustodian(_Parameters, frozen=True):
    """One more custodian: a name, and a key as SubjectPublicKeyInfo in DER."""

    name: _CustodianName
    key: Annotated[bytes, Meta(max_length=256)]

    def check(self, bench: Bench, now: Utc) -> None:  # noqa: ARG002  as above
        """Refuse a name or a key that is there, and a key that is none."""
        check_custodian(bench.journal.index.custodians(), self.name, self.key)

    def perform(self, bench: Bench, now: Utc) -> dict[str, object]:
        """Enrol."""
        self.check(bench, now)
        bench.journal.append([CustodianRow(self.name, self.key, now.posix_us)])
        return {"custodians": sorted(bench.journal.index.custodians())}


class RemoveCustodian(_Parameters, frozen=True):
    """One custodian fewer, who may be one of those that sign."""

    name: _CustodianName

    def check(self, bench: Bench, now: Utc) -> None:  # noqa: ARG002  as above
        """Refuse to leave too few."""
        known = bench.journal.index.custodians()
        if self.name not in known:
            raise NotFound(f"there is no custodian {self.name}")
        if len(known) <= CUSTODIANS_NEEDED:
            raise Conflict("two custodians must remain: enrol another first")

    def perform(self, bench: Bench, now: Utc) -> dict[str, object]:
        """Take out."""
        self.check(bench, now)
        bench.journal.append([CustodianRow(self.name, b"", now.posix_us)])
        return {"custodians": sorted(bench.journal.index.custodians())}


ACTS: Mapping[str, type[_Parameters]] = {
    "make-authority": MakeAuthority,
    "request-authority": RequestAuthority,
    "import-authority": ImportAuthority,
    "request-tsa": RequestTsa,
    "import-tsa": ImportTsa,
    "add-custodian": AddCustodian,
    "remove-custodian": RemoveCustodian,
}


def check_custodian(known: Mapping[str, bytes], name: str, spki: bytes) -> None:
    """Refuse who may not become a custodian.  Raises Conflict, Refused, Malformed."""
    if name in known or spki in known.values():
        raise Conflict("a custodian of this name or with this key is enrolled already")
    if len(known) >= CUSTODIAN_LIMIT:
        raise Conflict(f"there are {CUSTODIAN_LIMIT} custodians")
    custodian_algorithm(spki)


def read_act(act: str, parameters: Parameters) -> Act:
    """Read the parameters of an act.  Raises NotFound, Malformed."""
    kind = ACTS.get(act)
    if kind is None:
        raise NotFound(f"there is no act {act}; there are: {', '.join(ACTS)}")
    try:
        return cast("Act", msgspec.convert(dict(parameters), kind))
    except msgspec.ValidationError as error:
        raise Malformed(f"{act}: {error}") from None
