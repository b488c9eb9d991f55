"""Revocation lists: one encoding each; any list tells of a certificate, or is Malformed."""

import contextlib
import functools

from kit.authority import STAMPED_AT, authority

from appliance.asn1 import der
from appliance.asn1.status.crl import decode_crl, distribution_point_names
from appliance.asn1.x509 import assemble
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.verifier import Verification
from appliance.errors import Malformed
from appliance.pki.path import Verify
from appliance.pki.revocation import RevocationCode, RevocationLists


def one_input(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert all(name in data for name in distribution_point_names(data))
    try:
        crl = decode_crl(data)
    except Malformed:
        return
    algorithm = crl.signature_algorithm
    algorithm_tlv = der.sequence(der.oid(algorithm.oid), algorithm.parameters)
    assert assemble(crl.tbs, algorithm_tlv, crl.signature) == data
    made = authority(KeyAlgorithm.SM2)
    certificate, issuer = made.tsa.certificate, made.root.certificate
    for now in (None, STAMPED_AT, crl.this_update):
        try:
            told = lists().status(certificate, issuer, [crl], STAMPED_AT, now)
        except Malformed:
            continue
        assert told.entry is None or certificate.serial_number_tlv in data
        assert told.entry is not None or told.code not in (
            RevocationCode.REVOKED,
            RevocationCode.ON_HOLD,
        )
        assert str(told).isprintable()


@functools.cache
def lists() -> RevocationLists:
    """Ask lists whose signatures all hold: no fuzzer makes one."""
    verify: Verify = lambda *_: Verification.VALID  # noqa: E731  typed as what it stands for
    return RevocationLists(verify)
