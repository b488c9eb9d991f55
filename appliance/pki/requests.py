"""Opening certification requests: the requester holds the private key, and the key is strong.

What a request asks for beside its key is for people to read; templates decide what is issued.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from appliance.asn1 import oids
from appliance.asn1.names import Name
from appliance.asn1.pkcs10 import decode_request, encode_info
from appliance.asn1.x509 import assemble
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.verifier import Verification
from appliance.errors import Refused
from appliance.pki.issuing import Sign
from appliance.pki.path import Verify
from appliance.pki.public_keys import algorithm_of
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content

_SCHEMES = {
    KeyAlgorithm.SM2: oids.SM2_WITH_SM3,
    KeyAlgorithm.P256: oids.ECDSA_WITH_SHA256,
    KeyAlgorithm.RSA: oids.SHA256_WITH_RSA,
}


@attrs.frozen
class OpenedRequest:
    """A request whose maker has shown to hold the key: what it is for, and the key."""

    subject: Name
    spki: bytes = attrs.field(repr=False)
    algorithm: KeyAlgorithm


def open_request(csr: bytes, verify: Verify) -> OpenedRequest:
    """Open a CertificationRequest in DER: decode it, judge its key and its proof of possession.

    The signature is SM2 with SM3 and the default ID (GM/T 0092), ECDSA with SHA-256, or RSA with
    SHA-256.  Raises Malformed for what is no request; Refused for another scheme, a weak key, or a
    signature that does not hold.
    """
    request = decode_request(csr)
    algorithm = algorithm_of(request.key)
    scheme = request.signature_algorithm
    if scheme.oid != _SCHEMES[algorithm] or not scheme.is_plain:
        raise Refused(f"a request for a {algorithm.value} key is not signed by {scheme.oid}")
    verdict = verify(request.spki, scheme.oid, request.info, request.signature)
    if verdict is not Verification.VALID:
        raise Refused("the signature of a request does not verify under its key")
    return OpenedRequest(request.subject, request.spki, algorithm)


def make_request(
    subject: bytes,
    spki: bytes,
    algorithm: KeyAlgorithm,
    sign: Sign,
    *,
    extensions: Iterable[bytes] = (),
) -> bytes:
    """Make a request in DER for the Name `subject` and a key, signed by that key."""
    info = encode_info(subject, spki, extensions)
    signature = signature_content(algorithm, sign(info))
    return assemble(info, SIGNATURE_ALGORITHMS[algorithm], signature)
