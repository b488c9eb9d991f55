"""Issuing across the border: openssl judges certificates and requests of ours, we judge its."""

import functools
import re
from pathlib import Path

import attrs
import msgspec
import pytest
from kit import openssl
from kit.authority import Subject, authority, generate, make_root, signing
from kit.openssl import STANDARD_ID

from appliance.asn1 import pem
from appliance.asn1.extension import extensions
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.extension.general_names import GeneralName, NameConstraints, NameKind
from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Certificate, Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import verify_signature
from appliance.errors import Malformed, Refused
from appliance.pki.issuing import Addresses, issue_from, issuing_ca_template, spki_of
from appliance.pki.requests import make_request, open_request
from appliance.pki.templates.custom_extensions import CustomExtension, ExtensionKind
from appliance.pki.templates.template import PERSON, SERVER, TEMPLATES, Template
from appliance.quantities import US_PER_S, Utc

pytestmark = pytest.mark.e2e

ALGORITHMS = pytest.mark.parametrize("algorithm", KeyAlgorithm)
AT = Utc.parse_generalized_time(b"20260301120000Z")
FIELDS = {
    "uid": "10023",
    "name": "张三",
    "organization": "第一医院",
    "department": "心内科",
    "email": "zhang.san@hospital.example",
    "dns": "a.hospital.example",
    "ip": "10.0.0.1",
}
ADDRESSES = Addresses("http://a.example/1.crl", "http://a.example/ocsp", "http://a.example/ca.cer")
verify = functools.partial(verify_signature, LibcryptoEngine())


@attrs.frozen
class Hierarchy:
    """A root, a CA under it, and one key for all users."""

    root: Subject
    ca: Subject
    user: Subject


@functools.cache
def hierarchy(algorithm: KeyAlgorithm) -> Hierarchy:
    root = make_root(algorithm)
    outside = GeneralName(NameKind.DNS, b"outside.example")
    template = issuing_ca_template(ADDRESSES, NameConstraints((), (outside,)))
    ca = root.issue(template, f"Users {algorithm.value}", generate(algorithm))
    return Hierarchy(root, ca, authority(algorithm).tsa)


def issued(
    algorithm: KeyAlgorithm, template: Template, fields: dict[str, str] = FIELDS
) -> Certificate:
    made = hierarchy(algorithm)
    begin = Utc(AT.posix_us - 3600 * US_PER_S)
    encoded = issue_from(
        template,
        fields,
        made.user.certificate.spki,
        serial_number=b"\x2a",
        validity=Validity(begin, Utc(begin.posix_us + template.validity_s * US_PER_S)),
        issuer=made.ca.identity,
        addresses=ADDRESSES,
        sign=signing(made.ca.key),
    )
    return decode_certificate(encoded)


def written(folder: Path, name: str, certificate: Certificate) -> Path:
    path = folder / f"{name}.pem"
    path.write_bytes(pem.write("CERTIFICATE", certificate.der))
    return path


def distid(algorithm: KeyAlgorithm, option: str) -> tuple[str, ...]:
    """Give the option of the SM2 ID, which openssl takes for no other key."""
    return (option, f"distid:{STANDARD_ID}") if algorithm is KeyAlgorithm.SM2 else ()


def link(algorithm: KeyAlgorithm, issuer: Path, subject: Path, *more: str) -> openssl.Verdict:
    """Verify one certificate under its issuer alone: longer SM2 chains openssl cannot."""
    return openssl.ask(
        *("verify", "-x509_strict", "-partial_chain", "-attime", str(AT.posix_us // US_PER_S)),
        *(*more, *distid(algorithm, "-vfyopt"), "-CAfile", issuer, subject),
    )


def text_of(folder: Path, certificate: Certificate) -> str:
    path = written(folder, "shown", certificate)
    shown = openssl.run("x509", "-in", path, "-noout", "-text", "-nameopt", "utf8,sep_comma_plus")
    return " ".join(shown.split())


@ALGORITHMS
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_openssl_accepts_each_certificate_link_by_link(
    template: Template, algorithm: KeyAlgorithm, tmp_path: Path
) -> None:
    made = hierarchy(algorithm)
    root = written(tmp_path, "root", made.root.certificate)
    ca = written(tmp_path, "ca", made.ca.certificate)
    user = written(tmp_path, "user", issued(algorithm, template))
    purpose = {"person": "smimesign", "server": "sslserver"}.get(template.name, "any")
    for verdict in (link(algorithm, root, ca), link(algorithm, ca, user, "-purpose", purpose)):
        assert verdict.accepted, verdict.text
    assert not link(algorithm, root, user).accepted


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.RSA])
def test_openssl_accepts_a_chain_of_three(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    made = hierarchy(algorithm)
    verdict = openssl.ask(
        *("verify", "-x509_strict", "-attime", str(AT.posix_us // US_PER_S)),
        *("-CAfile", written(tmp_path, "root", made.root.certificate)),
        *("-untrusted", written(tmp_path, "ca", made.ca.certificate)),
        written(tmp_path, "user", issued(algorithm, SERVER)),
    )
    assert verdict.accepted, verdict.text


def test_openssl_refuses_a_name_that_the_ca_may_not_give(tmp_path: Path) -> None:
    made = hierarchy(KeyAlgorithm.P256)
    user = issued(KeyAlgorithm.P256, SERVER, {**FIELDS, "dns": "a.outside.example"})
    verdict = openssl.ask(
        *("verify", "-attime", str(AT.posix_us // US_PER_S)),
        *("-CAfile", written(tmp_path, "root", made.root.certificate)),
        *("-untrusted", written(tmp_path, "ca", made.ca.certificate)),
        written(tmp_path, "user", user),
    )
    assert "excluded subtree violation" in verdict.text


@ALGORITHMS
def test_openssl_prints_what_the_template_asked_for(
    algorithm: KeyAlgorithm, tmp_path: Path
) -> None:
    template = msgspec.structs.replace(PERSON, policies=("1.2.156.99.1",))
    text = text_of(tmp_path, issued(algorithm, template))
    for expected in (
        "Subject: C=CN,O=第一医院,OU=心内科,CN=张三,UID=10023",
        "Serial Number: 42 (0x2a)",
        "X509v3 Key Usage: critical Digital Signature, Non Repudiation X509v3",
        "X509v3 Extended Key Usage: TLS Web Client Authentication, E-mail Protection",
        "X509v3 Certificate Policies: Policy: 1.2.156.99.1",
        "X509v3 Subject Alternative Name: email:zhang.san@hospital.example",
        "X509v3 CRL Distribution Points: Full Name: URI:http://a.example/1.crl",
        "OCSP - URI:http://a.example/ocsp",
        "CA Issuers - URI:http://a.example/ca.cer",
    ):
        assert expected in text
    assert "Basic Constraints" not in text


SHOWN = {
    ExtensionKind.UTF8: ("{department}", "心内科"),
    ExtensionKind.IA5: ("{email}", "zhang.san@hospital.example"),
    ExtensionKind.PRINTABLE: ("Ward 7", "Ward 7"),
    ExtensionKind.INTEGER: (1023, ":03FF"),
    ExtensionKind.BOOLEAN: (True, ":255"),
    ExtensionKind.OCTETS: ("00ff10", "00FF10"),
    ExtensionKind.OID: ("2.999.7", ":2.999.7"),
    ExtensionKind.TIME: ("2026-01-31T08:00:00Z", ":20260131080000Z"),
    ExtensionKind.NULL: ("", "NULL"),
    ExtensionKind.DER: ("3003020105", "SEQUENCE"),
}


@pytest.mark.parametrize("said", ["critical", None])
@pytest.mark.parametrize("kind", ExtensionKind)
def test_openssl_shows_each_kind_of_custom_extension(
    kind: ExtensionKind, said: str | None, tmp_path: Path
) -> None:
    value, shown = SHOWN[kind]
    custom = CustomExtension("1.2.156.99.1.5", kind, critical=bool(said), value=value)
    template = msgspec.structs.replace(PERSON, extensions=(custom,))
    user = issued(KeyAlgorithm.SM2, template)
    found = re.search(r"1\.2\.156\.99\.1\.5: (critical)?", text_of(tmp_path, user))
    assert found
    assert found[1] == said
    extension = user.extensions.find(custom.oid)
    assert extension is not None
    (tmp_path / "value").write_bytes(extension.value)
    parsed = openssl.run("asn1parse", "-inform", "DER", "-in", tmp_path / "value")
    assert shown in parsed or shown.encode() in extension.value


# --- requests -------------------------------------------------------------------------------------


def request_of(algorithm: KeyAlgorithm) -> bytes:
    key = hierarchy(algorithm).user.key
    return make_request(
        encode_name("张三", organization="第一医院", country="CN"),
        spki_of(algorithm, key.public),
        algorithm,
        signing(key),
        extensions=[extensions.key_usage({KeyUsage.DIGITAL_SIGNATURE})],
    )


def judged(folder: Path, csr: bytes, algorithm: KeyAlgorithm) -> str:
    """Have openssl judge a request: it exits with 0 whatever it finds."""
    path = folder / "csr"
    path.write_bytes(csr)
    return openssl.ask(
        *("req", "-verify", "-noout", "-text", "-inform", "DER", "-in", path),
        *distid(algorithm, "-vfyopt"),
    ).text


@ALGORITHMS
def test_openssl_verifies_a_request_of_ours(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    csr = request_of(algorithm)
    text = judged(tmp_path, csr, algorithm)
    assert "verify OK" in text
    assert "X509v3 Key Usage: critical" in text
    altered = csr[:-1] + bytes((csr[-1] ^ 1,))
    assert "verify OK" not in judged(tmp_path, altered, algorithm)
    with pytest.raises(Refused):
        open_request(altered, verify)


KEYS = {
    KeyAlgorithm.SM2: ("EC", "ec_paramgen_curve:SM2"),
    KeyAlgorithm.P256: ("EC", "ec_paramgen_curve:P-256"),
    KeyAlgorithm.RSA: ("RSA", "rsa_keygen_bits:2048"),
}


def csr_by_openssl(folder: Path, kind: str, option: str, *more: str) -> bytes:
    key, csr = folder / "key", folder / "csr"
    openssl.run("genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", key)
    openssl.run(
        *("req", "-new", "-utf8", "-key", key, "-subj", "/C=CN/O=第一医院/CN=张三", *more),
        *("-addext", "subjectAltName=DNS:a.example", "-outform", "DER", "-out", csr),
    )
    return csr.read_bytes()


@ALGORITHMS
def test_a_request_by_openssl_is_opened(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    csr = csr_by_openssl(tmp_path, *KEYS[algorithm], *distid(algorithm, "-sigopt"))
    opened = open_request(csr, verify)
    assert opened.algorithm is algorithm
    assert str(opened.subject) == "CN=张三,O=第一医院,C=CN"
    spki = pem.read_one(
        openssl.run("pkey", "-in", tmp_path / "key", "-pubout").encode(), "PUBLIC KEY"
    )
    assert opened.spki == spki


@ALGORITHMS
def test_a_request_by_openssl_is_refused_once_tampered_with(
    algorithm: KeyAlgorithm, tmp_path: Path
) -> None:
    csr = csr_by_openssl(tmp_path, *KEYS[algorithm], *distid(algorithm, "-sigopt"))
    with pytest.raises(Refused):
        open_request(csr.replace("张三".encode(), "李四".encode()), verify)
    with pytest.raises(Malformed):
        open_request(csr + b"\0", verify)
    for position in range(0, len(csr), 7):
        tampered = csr[:position] + bytes((csr[position] ^ 1,)) + csr[position + 1 :]
        with pytest.raises((Malformed, Refused)):
            open_request(tampered, verify)


@pytest.mark.parametrize(
    ("kind", "option", "more"),
    [
        ("EC", "ec_paramgen_curve:SM2", ("-sigopt", "distid:another")),
        ("EC", "ec_paramgen_curve:P-384", ()),
        ("EC", "ec_paramgen_curve:P-256", ("-sha1",)),
        ("RSA", "rsa_keygen_bits:1024", ()),
        ("RSA", "rsa_keygen_bits:2048", ("-sigopt", "rsa_padding_mode:pss")),
    ],
)
def test_a_request_by_openssl_in_another_scheme_is_refused(
    kind: str, option: str, more: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(Refused):
        open_request(csr_by_openssl(tmp_path, kind, option, *more), verify)
