"""CMP messages that we send: p10cr, kur, rr, certConf and pollReq.  RFC 4210 5.3, RFC 4211."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from appliance.asn1 import der
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.x509 import Certificate
from appliance.pki.cmp.protection import SharedSecret
from appliance.quantities import Utc

_PVNO = der.integer(2)
_IMPLICIT_CONFIRM = der.sequence(der.oid("1.3.6.1.5.5.7.4.13"), der.NULL_VALUE)
_OLD_CERT_ID = der.oid("1.3.6.1.5.5.7.5.1.5")
_REASON_CODE = der.oid("2.5.29.21")
_RA_VERIFIED = der.tlv(der.context(0, constructed=False))  # RFC 4211 4: the RA vouches
_NULL_NAME = der.tlv(der.context(4), der.sequence())
_ONE_REQUEST = der.integer(0)
_P10CR_ID = der.integer(-1)  # RFC 9480 2.22: what answers a p10cr has no certReqId of ours

P10CR, KUR, RR, CERT_CONF, POLL_REQ = 4, 7, 11, 24, 25


@attrs.frozen
class Heading:
    """What the headers of one transaction share: ids of 16 octets, and who is spoken to.

    `recipient` is the Name of the authority in DER, or empty when it is not known.
    """

    secret: SharedSecret
    transaction: bytes
    recipient: bytes = b""

    def message(
        self, kind: int, body: bytes, *, nonce: bytes, salt: bytes, at: Utc, answers: bytes = b""
    ) -> bytes:
        """Render a protected PKIMessage; `answers` is the nonce of the message before, if any."""
        algorithm = self.secret.algorithm(salt)
        header = der.sequence(
            _PVNO,
            _NULL_NAME,
            der.tlv(der.context(4), self.recipient or der.sequence()),
            der.tlv(der.context(0), _generalized_time(at)),
            der.tlv(der.context(1), algorithm),
            der.tlv(der.context(2), der.octet_string(self.secret.reference)),
            der.tlv(der.context(4), der.octet_string(self.transaction)),
            der.tlv(der.context(5), der.octet_string(nonce)),
            der.tlv(der.context(6), der.octet_string(answers)) if answers else b"",
            der.tlv(der.context(8), der.sequence(_IMPLICIT_CONFIRM)),
        )
        tagged = der.tlv(der.context(kind), body)
        mac = self.secret.mac(algorithm, der.sequence(header, tagged))
        return der.sequence(header, tagged, der.tlv(der.context(0), der.bit_string(mac)))


def key_update(old: Certificate, spki: bytes) -> bytes:
    """Render the CertReqMessages of a kur: the subject of `old` with `spki`, the same or a new key.

    The RA vouches for possession (raVerified): it has checked it, or the key is the old one.
    """
    template = der.sequence(
        der.tlv(der.context(5), old.subject.der),
        der.context(6).to_bytes(1, "big") + spki[1:],  # IMPLICIT: the tag takes SEQUENCE's place
    )
    old_id = der.sequence(
        der.tlv(der.context(4), old.issuer.der),
        der.integer(old.serial_number),
    )
    controls = der.sequence(der.sequence(_OLD_CERT_ID, old_id))
    request = der.sequence(_ONE_REQUEST, template, controls)
    return der.sequence(der.sequence(request, _RA_VERIFIED))


def revocation(old: Certificate, reason: CrlReason) -> bytes:
    """Render the RevReqContent of an rr.  RFC 4210 5.3.9."""
    serial = der.integer(old.serial_number)
    template = der.sequence(
        der.context(1, constructed=False).to_bytes(1, "big") + serial[1:],
        der.tlv(der.context(3), old.issuer.der),
    )
    code = der.octet_string(der.tlv(der.ENUMERATED, bytes((reason.value,))))
    return der.sequence(der.sequence(template, der.sequence(der.sequence(_REASON_CODE, code))))


def confirmation(digest: bytes, request_id: int) -> bytes:
    """Render the CertConfirmContent that accepts a certificate.  RFC 4210 5.3.18."""
    return der.sequence(der.sequence(der.octet_string(digest), der.integer(request_id)))


def polls(request_ids: Sequence[int]) -> bytes:
    """Render a PollReqContent.  RFC 4210 5.3.22."""
    return der.sequence(*(der.sequence(der.integer(each)) for each in request_ids))


def _generalized_time(at: Utc) -> bytes:
    text = at.isoformat()[:19]
    return der.tlv(der.GENERALIZED_TIME, "".join(filter(str.isdigit, text)).encode() + b"Z")
