"""Policies and TSP profiles: which tokens this authority may issue, and in which form."""

from __future__ import annotations

import enum

import attrs

from appliance.crypto.api import KeyAlgorithm


class TokenForm(enum.Enum):
    """The CMS dialect of a token."""

    CMS = "cms"  # PKCS#7 signedData OID, SM2-with-SM3 signature OID
    GMT0010 = (
        "gmt"  # GM/T 0010 outer OID, SM2-1 (1.2.156.10197.1.301.1) as digestEncryptionAlgorithm
    )


@attrs.frozen
class Policy:
    """A time-stamping policy: its OID in dotted form and the widest error bound it tolerates."""

    oid: str
    max_bound_ns: int


@attrs.frozen
class Profile:
    """A TSP profile: the URL's last part, the key it signs with, the form, accepted policies.

    `policies[0]` is used when a request names none.  `chain` adds the issuers' certificates when
    certReq is set.
    """

    name: str
    key: str
    algorithm: KeyAlgorithm
    form: TokenForm
    policies: tuple[Policy, ...]
    chain: bool = False
