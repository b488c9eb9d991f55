"""SignedData and bare signatures: any octets get a verdict, and nobody signs for another."""

import functools

import msgspec
from kit.authority import authority
from kit.signatures import DOCUMENT

from appliance.asn1 import der
from appliance.asn1.signed import ber
from appliance.asn1.signed.signed_data import decode_signed_data, is_signed_data
from appliance.asn1.x509 import Certificate
from appliance.crypto.api import KeyAlgorithm, Sm2Engine
from appliance.crypto.native_engine import NativeEngine
from appliance.errors import Malformed
from appliance.pki.signatures.bare import Manner, verify_bare
from appliance.pki.signatures.forms import Form
from appliance.pki.signatures.report import SignatureReport
from appliance.pki.signatures.signed import Against, verify_signed_data
from appliance.pki.validation.verdict import Verdict
from appliance.quantities import Utc
from appliance.services.verification.answering import tell_signatures


def one_input(data: bytes) -> None:
    check_reader(data)
    known = signer()
    reports = [
        verify_signed_data(data, Against(document=DOCUMENT), engine()),
        verify_signed_data(data, Against(certificates=[known]), engine()),
    ]
    for report in reports:
        check_report(report, data)
    # Nobody here has the key of this certificate.
    named = verify_signed_data(data, Against(document=DOCUMENT, expected=known), engine())
    bare = [
        verify_bare(data, DOCUMENT, known, engine(), Manner(form=form))
        for form in (Form.AUTO, Form.RAW, Form.DER, Form.SKF)
    ]
    for report in (named, *bare):
        check_report(report, data)
        assert report.verdict is not Verdict.VALID


def check_reader(data: bytes) -> None:
    """Read, and read again what is left when open lengths are closed."""
    try:
        signed = decode_signed_data(data)
    except Malformed:
        return
    assert is_signed_data(data)
    closed = ber.definite(data)
    assert der.whole(closed, der.SEQUENCE)
    assert decode_signed_data(closed) == signed
    parts = [*signed.certificates, *signed.crls, signed.econtent or b""]
    assert all(part in closed for part in parts)
    assert all(signer.signature in closed for signer in signed.signers)


def check_report(report: SignatureReport, data: bytes) -> None:
    """Tell it, and hold the document told to what came."""
    told = msgspec.json.encode(tell_signatures([report], Utc(0)))
    assert len(told) < 65_536 + 256 * len(data)
    if report.verdict is Verdict.VALID:
        assert report.document is None or report.document in ber.definite(data)


@functools.cache
def engine() -> Sm2Engine:
    return NativeEngine()


@functools.cache
def signer() -> Certificate:
    return authority(KeyAlgorithm.SM2).tsa.certificate
