"""What is asked about a certificate, and what there is to answer from."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from appliance.asn1.status.crl import CertificateList
from appliance.asn1.status.ocsp import OcspResponse
from appliance.asn1.x509 import Certificate
from appliance.pki.validation.purposes import Purpose
from appliance.quantities import Utc


class RevocationDemand(enum.Enum):
    """How much must be known of revocation."""

    NONE = "none"  # it is not looked at
    KNOWN = "known"  # what is known to be revoked is refused, anywhere; silence is taken
    LEAF = "leaf"  # the leaf must be known to be good besides
    CHAIN = "chain"  # and so must every certificate below the root


@attrs.frozen(kw_only=True)
class Question:
    """Is a certificate good for `purpose`, under `name` if given, at the instant `at`?

    `now` is when it is asked: by it a list is old.  With `policies` one of them must hold along the
    chain (user-initial-policy-set and initial-explicit-policy of RFC 5280 6.1.1); without, any.
    """

    at: Utc
    now: Utc
    purpose: Purpose = Purpose.ANY
    name: str | None = None
    policies: frozenset[str] = frozenset()
    revocation: RevocationDemand = RevocationDemand.CHAIN


@attrs.frozen(kw_only=True)
class Material:
    """What there is to build a chain from, and what tells of revocation; none of it is fetched."""

    roots: Sequence[Certificate]
    intermediates: Sequence[Certificate] = ()
    crls: Sequence[CertificateList] = ()
    ocsp: Sequence[OcspResponse] = ()
