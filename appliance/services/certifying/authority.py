"""Issuing: what a manager asks for becomes a certificate only within templates and bounds.

Nothing that is asked is believed.  A certificate is journalled before it is given away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import msgspec
from twisted.logger import Logger

from appliance.asn1.x509 import Validity, assemble, decode_certificate
from appliance.errors import ApplianceError, Conflict, Malformed, NotFound, Refused
from appliance.pki.issuing import Addresses, IssuerIdentity, key_identifier, seal, tbs_from
from appliance.pki.path import Verify
from appliance.pki.requests import open_request
from appliance.pki.signing import SIGNATURE_ALGORITHMS
from appliance.pki.states import CertificateState
from appliance.pki.templates.bounds import check_certificate
from appliance.pki.templates.template import Template
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc
from appliance.services.certifying.journal import IssuedRow, Journal, serial_octets, sm3
from appliance.services.certifying.messages import IssueAsk, IssueRefusal
from appliance.services.commissioning import Identity
from appliance.store.issued import IssuedCertificate
from appliance.tsp.serial import SerialSource

BACKDATE_S = 300
"""A certificate begins five minutes ago, as the clocks of those who look at it may be behind."""

_log = Logger()


def refusal(error: Exception) -> IssueRefusal:
    """Say why there is no certificate, as far as it may be said."""
    if isinstance(error, ApplianceError):
        return IssueRefusal(type(error).__name__, str(error))
    _log.failure("a certificate could not be issued")
    return IssueRefusal("Fault", "the signer failed; its log has more")


@attrs.frozen
class Rules:
    """What this box adds to templates: addresses of its own, and how often a key is renewed.

    `public_url` is "" where nobody could follow the addresses.
    """

    public_url: str
    same_key_renewals: int
    is_production: bool

    def addresses(self, authority: str) -> Addresses:
        """Give what is frozen into certificates.  Raises Refused in production without."""
        if not self.public_url:
            if self.is_production:
                raise Refused("certificates need [pki] public_url in the settings")
            return Addresses("", "", "")
        base = self.public_url.rstrip("/")
        return Addresses(
            f"{base}/crl/{authority}.crl", f"{base}/ocsp", f"{base}/ca/{authority}.cer"
        )

    def list_address(self, file_name: str) -> str | None:
        """Give the URL of a published file, if there is one."""
        return f"{self.public_url.rstrip('/')}/crl/{file_name}" if self.public_url else None


@attrs.frozen
class Issuer:
    """An issuing authority at work."""

    identity: Identity

    @property
    def name(self) -> IssuerIdentity:
        """Who it is, to those who write certificates and lists."""
        certificate = self.identity.certificate
        return IssuerIdentity(
            certificate.subject.der,
            self.identity.key.algorithm,
            certificate.extensions.subject_key_id or key_identifier(certificate.spki),
        )

    def sign(self, message: bytes) -> bytes:
        """Sign one message."""
        return self.identity.key.sign_many([message])[0]

    def validity(self, now: Utc, length_s: int) -> Validity:
        """Give a validity from now on, within the authority's own.  Raises Refused without any."""
        own = self.identity.certificate.validity
        if not own.not_before <= now < own.not_after:
            raise Refused(f"the certificate of {self.identity.name} does not hold now")
        start_s = max(now.posix_us // US_PER_S - BACKDATE_S, own.not_before.posix_us // US_PER_S)
        end_s = min(start_s + length_s, own.not_after.posix_us // US_PER_S)
        return Validity(Utc(start_s * US_PER_S), Utc(end_s * US_PER_S))


@attrs.frozen
class _Key:
    """A key to be certified, the fields that go with it, and how often it was before."""

    spki: bytes
    fields: Mapping[str, str]
    renewals: int


@attrs.frozen
class _Draft:
    """A certificate that was decided upon and waits for its signature."""

    ask: IssueAsk
    wish: bytes
    key: _Key
    issuer: Issuer
    serial: bytes
    validity: Validity
    tbs: bytes


class Issuance:
    """Issues batches, each journalled in one commit; used by the thread that owns the journal."""

    def __init__(
        self,
        journal: Journal,
        *,
        issuers: Mapping[str, Issuer],
        templates: Mapping[str, Template],
        serials: SerialSource,
        rules: Rules,
        verify: Verify,
        now: Callable[[], Utc],
    ) -> None:
        """`issuers` and `templates` are looked at anew each time."""
        self._journal = journal
        self._issuers = issuers
        self._templates = templates
        self._serials = serials
        self._rules = rules
        self._verify = verify
        self._now = now

    def issue(self, asks: Sequence[IssueAsk]) -> list[bytes | IssueRefusal]:
        """Answer each ask, in order: a certificate in DER, durable, or why there is none.

        Raises Unavailable when there is no time or the journal cannot be written.
        """
        now = self._now()
        self._journal.catch_up()
        drafts: dict[bytes, _Draft] = {}
        results: list[bytes | IssueRefusal | _Draft] = []
        for ask in asks:
            try:
                results.append(self._answer(ask, now, drafts))
            except Exception as error:
                results.append(refusal(error))
        made = _sign(drafts)
        if made:
            self._journal.append(
                [_row(draft, made[request], now) for request, draft in drafts.items()]
            )
        return [made[each.ask.request] if isinstance(each, _Draft) else each for each in results]

    def _answer(self, ask: IssueAsk, now: Utc, drafts: dict[bytes, _Draft]) -> bytes | _Draft:
        wish = _digest(ask)
        draft = drafts.get(ask.request)
        known = draft or self._journal.index.find_request(ask.request)
        if known is not None and known.wish != wish:
            raise Conflict("this request number stands for another wish")
        if isinstance(known, IssuedCertificate):
            return known.der
        if draft is None:
            draft = drafts[ask.request] = self._draft(ask, wish, now, drafts)
        return draft

    def _draft(
        self, ask: IssueAsk, wish: bytes, now: Utc, drafts: Mapping[bytes, _Draft]
    ) -> _Draft:
        issuer = self._issuers.get(ask.authority)
        template = self._templates.get(ask.template)
        if issuer is None or template is None:
            raise NotFound(f"no authority {ask.authority}, or no template {ask.template}")
        if ask.days * SECONDS_PER_DAY > template.validity_s:
            raise Refused(f"template {template.name} grants {template.validity_s} s at most")
        key = self._key(ask, now, drafts)
        if self._journal.index.is_compromised(sm3(key.spki)):
            raise Refused("this key is known to be compromised")
        serial = self._serials.next()
        validity = issuer.validity(now, ask.days * SECONDS_PER_DAY or template.validity_s)
        tbs = tbs_from(
            template,
            key.fields,
            key.spki,
            serial_number=serial,
            validity=validity,
            issuer=issuer.name,
            addresses=self._rules.addresses(ask.authority),
        )
        draft = _Draft(ask, wish, key, issuer, serial, validity, tbs)
        _check(draft, template)
        return draft

    def _key(self, ask: IssueAsk, now: Utc, drafts: Mapping[bytes, _Draft]) -> _Key:
        """Find the key: proven in a request, or of the certificate to be renewed."""
        if bool(ask.csr) == bool(ask.renews):
            raise Malformed("either csr or renews says which key is meant")
        if ask.csr:
            opened = open_request(ask.csr, self._verify)
            return _Key(opened.spki, ask.fields, 0)
        old = self._journal.index.find(ask.authority, ask.renews)
        if old is None or old.template != ask.template:
            raise NotFound("there is no such certificate of this template to renew")
        fields = msgspec.msgpack.decode(old.fields, type=dict[str, str])
        if ask.fields and ask.fields != fields:
            raise Refused("a renewal keeps the fields of what it renews")
        renewals = self._check_renewal(old, now, drafts)
        return _Key(decode_certificate(old.der).spki, fields, renewals)

    def _check_renewal(
        self, old: IssuedCertificate, now: Utc, drafts: Mapping[bytes, _Draft]
    ) -> int:
        """Refuse to renew what does not hold, or too often; tells how often this makes it."""
        if old.state is not CertificateState.VALID:
            raise Refused(f"a certificate that is {old.state.value} is not renewed")
        if old.not_after_us < now.posix_us:
            raise Refused("a certificate is renewed before its end")
        renewals = self._journal.index.count_of_key(old.authority, old.spki_sm3) + sum(
            sm3(draft.key.spki) == old.spki_sm3
            for draft in drafts.values()
            if draft.ask.authority == old.authority
        )
        if renewals > self._rules.same_key_renewals:
            raise Refused("this key was renewed as often as it may be: make a new one")
        return renewals


def _digest(ask: IssueAsk) -> bytes:
    """Give the digest of a wish, whatever order its fields came in."""
    values = (
        ask.authority,
        ask.template,
        sorted(ask.fields.items()),
        ask.csr,
        ask.renews,
        ask.days,
    )
    return sm3(msgspec.msgpack.encode(values))


def _check(draft: _Draft, template: Template) -> None:
    """Read what is about to be signed; raises Refused for anything but what was decided."""
    issuer = draft.issuer.identity
    algorithm = SIGNATURE_ALGORITHMS[issuer.key.algorithm]
    certificate = decode_certificate(assemble(draft.tbs, algorithm, b""))
    check_certificate(certificate, template.kind)
    if (
        certificate.issuer.der != issuer.certificate.subject.der
        or certificate.spki != draft.key.spki
        or serial_octets(certificate.serial_number) != draft.serial
        or certificate.validity != draft.validity
        or draft.validity.not_after > issuer.certificate.validity.not_after
    ):
        raise Refused("a certificate differs from what was decided")


def _sign(drafts: Mapping[bytes, _Draft]) -> dict[bytes, bytes]:
    """Sign drafts, those of one authority together; gives certificates by request, in order."""
    signatures: dict[bytes, bytes] = {}
    for name in {draft.ask.authority for draft in drafts.values()}:
        mine = {each: draft for each, draft in drafts.items() if draft.ask.authority == name}
        key = next(iter(mine.values())).issuer.identity.key
        made = key.sign_many([draft.tbs for draft in mine.values()])
        signatures |= zip(mine, made, strict=True)
    return {
        request: seal(draft.tbs, draft.issuer.name, signatures[request])
        for request, draft in drafts.items()
    }


def _row(draft: _Draft, der: bytes, now: Utc) -> IssuedRow:
    return IssuedRow(
        authority=draft.ask.authority,
        serial=draft.serial,
        spki_sm3=sm3(draft.key.spki),
        not_after_us=draft.validity.not_after.posix_us,
        request=draft.ask.request,
        wish=draft.wish,
        template=draft.ask.template,
        fields=msgspec.msgpack.encode(draft.key.fields),
        renews=draft.ask.renews,
        renewals=draft.key.renewals,
        at_us=now.posix_us,
        der=der,
    )
