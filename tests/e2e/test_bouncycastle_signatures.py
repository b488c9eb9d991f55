"""SignedData with SM2: BouncyCastle's held here, and ours held there."""

from collections.abc import Iterator

import pytest
from kit.signature_maker import SignatureMaker, signature_maker
from kit.signatures import DOCUMENT, ENGINE, signatory, signer

from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.signatures.making import Style, sign_data
from appliance.pki.signatures.report import SignatureCode
from appliance.pki.signatures.signed import Against, verify_signed_data
from appliance.pki.validation.verdict import Verdict

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignatureMaker]:
    with signature_maker(tmp_path_factory.mktemp("java")) as made:
        yield made


@pytest.mark.parametrize("encoding", ["DER", "BER"])
@pytest.mark.parametrize("attached", [True, False], ids=["attached", "detached"])
@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "direct"])
def test_what_bouncycastle_signs_with_sm2_holds_here(
    maker: SignatureMaker, encoding: str, *, attached: bool, attributes: bool
) -> None:
    certificate, signature = maker.make(
        DOCUMENT, attached=attached, attributes=attributes, encoding=encoding
    )
    expected = decode_certificate(certificate)
    report = verify_signed_data(signature, Against(document=DOCUMENT, expected=expected), ENGINE)
    assert report.verdict is Verdict.VALID
    assert report.document == (DOCUMENT if attached else None)
    other = verify_signed_data(signature, Against(document=b"another"), ENGINE)
    assert other.decisive.code in (
        SignatureCode.DOCUMENT_MISMATCH,
        SignatureCode.BAD_SIGNATURE,
    )


@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "direct"])
@pytest.mark.parametrize("attached", [True, False], ids=["attached", "detached"])
def test_what_is_signed_here_holds_for_bouncycastle(
    maker: SignatureMaker, *, attached: bool, attributes: bool
) -> None:
    style = Style(is_attached=attached, has_attributes=attributes)
    signers = [signatory(signer(algorithm)) for algorithm in KeyAlgorithm]
    made = sign_data(DOCUMENT, signers, style=style)
    assert maker.judge(DOCUMENT, made) == "OK"
    if not attached:
        assert maker.judge(b"another", made).startswith("REFUSED")
