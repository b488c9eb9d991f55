"""Signatures that openssl makes by its cms, smime, pkeyutl and dgst hold as questions."""

from pathlib import Path

import attrs
import msgspec
import pytest
from kit import gmssl_oracle, openssl
from kit.openssl import STANDARD_ID
from kit.signatures import ENGINE, VERIFY, signatory, signer
from kit.verification import inline, settled

from appliance.asn1 import pem, sm2
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.signatures.making import Style, sign_data
from appliance.quantities import Utc
from appliance.services.verification.shapes import SignatureQuestion, VerificationAnswer
from appliance.services.verification.verifying import Anchors, SignatureVerifier

pytestmark = pytest.mark.e2e

STYLES = [
    Style(is_attached=attached, has_attributes=attributes)
    for attached in (True, False)
    for attributes in (True, False)
]

DOCUMENT = b"a discharge letter\n"
KINDS = ("sm2", "p256", "p384", "rsa")
NEW_KEY = {
    "sm2": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"),
    "p256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "p384": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
    "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
}
SETTINGS = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = Somebody with {kind}
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
subjectKeyIdentifier = hash
"""


@attrs.frozen
class Maker:
    """A key, a self-signed certificate that is trusted as a root, and a document beside them."""

    folder: Path
    kind: str

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def signer(self) -> Path:
        return self.folder / "signer.pem"

    @property
    def document(self) -> Path:
        return self.folder / "document"

    @property
    def certificate(self) -> Certificate:
        return decode_certificate(pem.read_one(self.signer.read_bytes(), "CERTIFICATE"))

    def run(self, command: str, *arguments: str | Path) -> bytes:
        """Run openssl, whose `-out` is added, and give what it wrote."""
        out = self.folder / "out"
        openssl.run(command, "-out", out, *arguments)
        return out.read_bytes()

    def cms(self, *options: str) -> bytes:
        """Sign as `openssl cms` does."""
        return self.run(
            *("cms", "-sign", "-binary", "-in", self.document, "-outform", "DER"),
            *("-signer", self.signer, "-inkey", self.key),
            *options,
        )


@pytest.fixture(scope="module")
def makers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Maker]:
    made = {}
    for kind in KINDS:
        maker = Maker(tmp_path_factory.mktemp(kind), kind)
        settings = maker.folder / "settings"
        settings.write_text(SETTINGS.format(kind=kind), "ascii")
        maker.document.write_bytes(DOCUMENT)
        openssl.run("genpkey", *NEW_KEY[kind], "-out", maker.key)
        digest = ("-sm3", "-sigopt", f"distid:{STANDARD_ID}") if kind == "sm2" else ("-sha256",)
        openssl.run(
            *("req", "-x509", "-new", "-config", settings, "-extensions", "signer"),
            *("-days", "30", "-key", maker.key, "-out", maker.signer),
            *digest,
        )
        made[kind] = maker
    return made


def ask(maker: Maker, **fields: object) -> VerificationAnswer:
    certificate = maker.certificate
    verifier = SignatureVerifier(
        ENGINE,
        VERIFY,
        lambda: Anchors([certificate]),
        lambda: Utc(certificate.validity.not_before.posix_us + 1_000_000),
        revocations=None,
        run=inline,
    )
    return settled(verifier.signatures(msgspec.convert(fields, SignatureQuestion)))


def reason(answer: VerificationAnswer) -> str:
    (one,) = answer.signatures
    return one.reason


def bare(maker: Maker, signature: bytes, **fields: object) -> VerificationAnswer:
    given = {"document": DOCUMENT, "certificate": maker.signer.read_text("ascii"), **fields}
    return ask(maker, signatures=(signature,), **given)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-nodetach",),
        ("-nodetach", "-stream"),
        ("-nodetach", "-noattr"),
        ("-noattr",),
        ("-keyid",),
        ("-cades",),
        ("-md", "sha384"),
        ("-nosmimecap",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("kind", ["p256", "p384", "rsa"])
def test_what_openssl_cms_signs_holds(
    makers: dict[str, Maker], kind: str, options: tuple[str, ...]
) -> None:
    signature = makers[kind].cms(*options)
    answer = ask(makers[kind], signatures=(signature,), document=DOCUMENT)
    assert answer.verdict == "VALID", answer
    other = ask(makers[kind], signatures=(signature,), document=b"another")
    hashed = "-noattr" not in options or "-nodetach" in options
    assert reason(other) == ("DOCUMENT_MISMATCH" if hashed else "BAD_SIGNATURE")


def test_what_openssl_signs_without_its_certificate_needs_one(makers: dict[str, Maker]) -> None:
    maker = makers["p256"]
    signature = maker.cms("-nocerts")
    assert reason(ask(maker, signatures=(signature,), document=DOCUMENT)) == "NO_SIGNER_CERTIFICATE"
    helped = ask(
        maker,
        signatures=(signature,),
        document=DOCUMENT,
        certificates=maker.signer.read_text("ascii"),
    )
    assert helped.verdict == "VALID"


@pytest.mark.parametrize("salt", ["max", "digest", "20"])
def test_pss_in_cms_holds(makers: dict[str, Maker], salt: str) -> None:
    maker = makers["rsa"]
    options = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", f"rsa_pss_saltlen:{salt}")
    answer = ask(maker, signatures=(maker.cms(*options),), document=DOCUMENT)
    # The longest salt of 2048 bits has 222 octets, more than any hash gives reason for.
    assert reason(answer) == ("UNSUPPORTED" if salt == "max" else "VALID")


def test_pkcs7_and_pem_hold(makers: dict[str, Maker]) -> None:
    maker = makers["rsa"]
    smime = ("smime", "-sign", "-binary", "-in", maker.document, "-nodetach")
    signer = ("-signer", maker.signer, "-inkey", maker.key)
    for form in ("DER", "PEM"):
        signature = maker.run(*smime, *signer, "-outform", form)
        assert ask(maker, signatures=(signature,)).verdict == "VALID"


def test_several_signers_hold_together(makers: dict[str, Maker]) -> None:
    maker, other = makers["rsa"], makers["p256"]
    signature = maker.cms("-nodetach", "-signer", str(other.signer), "-inkey", str(other.key))
    (one,) = ask(maker, signatures=(signature,)).signatures
    assert sorted(signer.reason for signer in one.signers) == [
        "CERTIFICATE_UNKNOWN_ISSUER",
        "VALID",
    ]
    assert one.verdict == "INDETERMINATE"


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_what_openssl_dgst_signs_holds(makers: dict[str, Maker], kind: str, digest: str) -> None:
    maker = makers[kind]
    signature = maker.run("dgst", f"-{digest}", "-sign", maker.key, maker.document)
    assert bare(maker, signature, hash=digest).verdict == "VALID"
    assert reason(bare(maker, signature, hash=digest, document=b"another")) == "BAD_SIGNATURE"


def test_what_openssl_dgst_signs_with_pss_holds(makers: dict[str, Maker]) -> None:
    maker = makers["rsa"]
    padding = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1")
    signature = maker.run("dgst", "-sha256", *padding, "-sign", maker.key, maker.document)
    assert bare(maker, signature, pss=True).verdict == "VALID"
    assert reason(bare(maker, signature)) == "BAD_SIGNATURE"


def sm2_signature(maker: Maker, *options: str) -> bytes:
    return maker.run(
        *("pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", maker.key),
        *("-in", maker.document),
        *options,
    )


def test_what_openssl_pkeyutl_signs_with_sm2_holds_in_every_form(makers: dict[str, Maker]) -> None:
    maker = makers["sm2"]
    signature = sm2_signature(maker, "-pkeyopt", f"distid:{STANDARD_ID}")
    raw = sm2.signature_from_der(signature)
    for written in (signature, raw, bytes(32) + raw[:32] + bytes(32) + raw[32:]):
        assert bare(maker, written).verdict == "VALID"
    public = sm2.public_key_from_spki(maker.certificate.spki)
    assert gmssl_oracle.verify_digest(public, ENGINE.message_digest(public, DOCUMENT), raw)


def test_an_sm2_id_of_openssl_is_asked_for_by_name(makers: dict[str, Maker]) -> None:
    maker = makers["sm2"]
    named = sm2_signature(maker, "-pkeyopt", "distid:doctor-7")
    assert bare(maker, named, sm2_id=b"doctor-7").verdict == "VALID"
    assert reason(bare(maker, named)) == "BAD_SIGNATURE"
    unnamed = sm2_signature(maker)
    assert reason(bare(maker, unnamed)) == "NON_STANDARD_SM2_ID"


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.RSA])
def test_what_is_signed_here_holds_for_openssl(
    tmp_path: Path, algorithm: KeyAlgorithm, style: Style
) -> None:
    document, made, told = (tmp_path / name for name in ("document", "made", "told"))
    document.write_bytes(DOCUMENT)
    made.write_bytes(sign_data(DOCUMENT, [signatory(signer(algorithm))], style=style))
    verdict = openssl.ask(
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", made, "-noverify", "-out", told),
        *(() if style.is_attached else ("-content", document)),
    )
    assert verdict.accepted, verdict.text
    assert told.read_bytes() == DOCUMENT
