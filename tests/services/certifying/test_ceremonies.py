"""What two custodians may do together, and nobody alone."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from kit.authority import generate, make_root, signing
from kit.certifying import Home, ask, certificate_of, csr_of, verify

from appliance.asn1 import pem, sm2
from appliance.asn1.pkcs10 import decode_request
from appliance.asn1.x509 import Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.errors import ApplianceError, Conflict, Malformed, NotFound, Refused, Unauthenticated
from appliance.pki.issuing import Addresses, spki_of
from appliance.quantities import US_PER_S, Utc
from appliance.services.certifying.authority import Rules
from appliance.services.certifying.certifier import Certifier
from appliance.services.certifying.journal import CeremonyRow, read_row
from appliance.services.certifying.messages import CeremonyApprove, CeremonyOpen
from appliance.services.certifying.offline import Root, sign_request, template_of

DAY_S = 86_400
REQUEST = {
    "name": "issuing-main",
    "algorithm": "sm2",
    "common_name": "Hospital Issuing CA",
    "country": "CN",
}


@attrs.frozen
class Custodian:
    name: str
    key: SigningKey

    @property
    def spki(self) -> bytes:
        return spki_of(self.key.algorithm, self.key.public)

    def sign(self, statement: bytes) -> bytes:
        signature = signing(self.key)(statement)
        is_sm2 = self.key.algorithm is KeyAlgorithm.SM2
        return sm2.signature_to_der(signature) if is_sm2 else signature


CUSTODIANS = tuple(
    Custodian(name, generate(algorithm))
    for name, algorithm in (
        ("ann", KeyAlgorithm.SM2),
        ("bo", KeyAlgorithm.P256),
        ("cy", KeyAlgorithm.SM2),
    )
)
ANN, BO, CY = CUSTODIANS
ROOT = make_root(KeyAlgorithm.SM2)


def enrol(home: Home, *custodians: Custodian) -> None:
    for each in custodians:
        text = pem.write("PUBLIC KEY", each.spki)
        (home.folder("custodians") / f"{each.name}.pem").write_bytes(text)


@pytest.fixture
def production(tmp_path: Path) -> Home:
    rules = Rules("https://ca.example", 3, is_production=True)
    home = Home(tmp_path, mode="production", rules=rules)
    enrol(home, ANN, BO)
    return home


@pytest.fixture
def certifier(production: Home) -> Iterator[Certifier]:
    opened = production.open()
    yield opened
    opened.close()


def open_(certifier: Certifier, act: str, **parameters: str | bytes) -> tuple[bytes, bytes]:
    texts = {name: value for name, value in parameters.items() if isinstance(value, str)}
    octets = {name: value for name, value in parameters.items() if isinstance(value, bytes)}
    facts = certifier.open_ceremony(CeremonyOpen(1, act, texts, octets))
    return facts["ceremony"], facts["statement"]


def approve(
    certifier: Certifier, number: bytes, statement: bytes, who: Custodian
) -> dict[str, object]:
    signature = who.sign(statement)
    return certifier.approve_ceremony(CeremonyApprove(1, number, who.name, signature))


def hold(certifier: Certifier, act: str, **parameters: str | bytes) -> dict[str, object]:
    number, statement = open_(certifier, act, **parameters)
    assert approve(certifier, number, statement, ANN) == {"is_done": False}
    return approve(certifier, number, statement, BO)


def chain_for(csr: bytes, home: Home, kind: str = "issuing") -> bytes:
    certificate = sign_request(
        csr,
        Root(ROOT.certificate, ROOT.key),
        template_of(kind, Addresses()),
        days=3650,
        now=home.hands.now,
        verify=verify,
    )
    return pem.write("CERTIFICATE", certificate) + pem.write("CERTIFICATE", ROOT.certificate.der)


# --- the road of a production authority -----------------------------------------------------------


def test_an_authority_of_production_is_made_requested_signed_off_line_and_imported(
    production: Home, certifier: Certifier
) -> None:
    made = hold(certifier, "request-authority", **REQUEST)
    assert decode_request(made["csr"]).subject.common_name == "Hospital Issuing CA"
    assert certifier.authorities()["authorities"] == {}
    imported = hold(
        certifier,
        "import-authority",
        name="issuing-main",
        chain=chain_for(made["csr"], production),
    )
    assert imported == {"is_done": True, "name": "issuing-main"}
    certificate = certificate_of(certifier.issue([ask(authority="issuing-main")]))
    assert certificate.issuer.common_name == "Hospital Issuing CA"
    certifier.rest()
    published = {path.name for path in production.folder("published").iterdir()}
    assert published == {"issuing-main.cer", "issuing-main.crl"}


def test_an_imported_authority_is_there_after_a_start(production: Home) -> None:
    certifier = production.open()
    made = hold(certifier, "request-authority", **REQUEST)
    chain = chain_for(made["csr"], production)
    hold(certifier, "import-authority", name="issuing-main", chain=chain)
    certifier.close()
    again = production.open()
    assert list(again.authorities()["authorities"]) == ["issuing-main"]
    again.close()


def test_a_request_made_twice_is_for_the_same_key(certifier: Certifier) -> None:
    first = hold(certifier, "request-authority", **REQUEST)
    second = hold(certifier, "request-authority", **REQUEST)
    assert decode_request(first["csr"]).spki == decode_request(second["csr"]).spki
    with pytest.raises(Conflict):
        open_(certifier, "request-authority", **{**REQUEST, "algorithm": "p256"})


def test_a_tsa_takes_the_same_road(production: Home, certifier: Certifier) -> None:
    wish = {**REQUEST, "name": "tsa-sm2", "common_name": "Hospital TSA"}
    made = hold(certifier, "request-tsa", **wish)
    chain = chain_for(made["csr"], production, "tsa")
    hold(certifier, "import-tsa", name="tsa-sm2", chain=chain)
    written = (production.folder("certificates") / "tsa-sm2.pem").read_bytes()
    assert written == chain


def test_a_journal_keeps_the_statement_and_both_signatures(certifier: Certifier) -> None:
    number, statement = open_(certifier, "request-authority", **REQUEST)
    approve(certifier, number, statement, ANN)
    approve(certifier, number, statement, BO)
    rows = [read_row(row) for row in certifier._journal._ledger.rows()]
    (kept,) = [row for row in rows if isinstance(row, CeremonyRow)]
    assert kept.statement == statement
    assert [name for name, _ in kept.approvals] == ["ann", "bo"]


# --- what is refused before anyone signs ----------------------------------------------------------


def refused_chains(csr: bytes, home: Home) -> dict[str, bytes]:
    other = make_root(KeyAlgorithm.SM2)
    good = chain_for(csr, home)
    leaf, root = pem.read_all(good, "CERTIFICATE")
    write = pem.write
    return {
        "no-root": write("CERTIFICATE", leaf),
        "another-root": write("CERTIFICATE", leaf) + write("CERTIFICATE", other.certificate.der),
        "another-key": chain_for(csr_of(generate(KeyAlgorithm.SM2)), home),
        "a-tsa": chain_for(csr, home, "tsa"),
        "a-root-between": good + write("CERTIFICATE", root),
        "garbage": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    }


@pytest.mark.parametrize(
    "case", ["no-root", "another-root", "another-key", "a-tsa", "a-root-between", "garbage"]
)
def test_a_chain_that_does_not_hold_is_never_imported(
    production: Home, certifier: Certifier, case: str
) -> None:
    made = hold(certifier, "request-authority", **REQUEST)
    chain = refused_chains(made["csr"], production)[case]
    with pytest.raises((Refused, Malformed)):
        open_(certifier, "import-authority", name="issuing-main", chain=chain)


def test_a_ca_without_a_path_length_is_never_imported(
    production: Home, certifier: Certifier
) -> None:
    made = hold(certifier, "request-authority", **REQUEST)
    certificate = sign_request(
        made["csr"],
        Root(ROOT.certificate, ROOT.key),
        attrs.evolve(template_of("issuing", Addresses()), path_len=None),
        days=10,
        now=production.hands.now,
        verify=verify,
    )
    chain = pem.write("CERTIFICATE", certificate) + pem.write("CERTIFICATE", ROOT.certificate.der)
    with pytest.raises(Refused):
        open_(certifier, "import-authority", name="issuing-main", chain=chain)


@pytest.mark.parametrize(
    ("act", "parameters", "kind"),
    [
        ("make-root", {}, NotFound),
        ("make-authority", {"algorithm": "sm2"}, Refused),
        ("request-authority", {**REQUEST, "name": "../root-sm2"}, Malformed),
        ("request-authority", {**REQUEST, "name": "tsa-sm2"}, Malformed),
        ("request-authority", {**REQUEST, "usage": "root"}, Malformed),
        ("request-authority", {**REQUEST, "common_name": "x" * 65}, Malformed),
        ("request-authority", {**REQUEST, "common_name": "a\nact: other"}, Malformed),
        ("import-authority", {"name": "issuing-main", "chain": b""}, Malformed),
        ("add-custodian", {"name": "ann", "key": CY.spki}, Conflict),
        ("add-custodian", {"name": "di", "key": ANN.spki}, Conflict),
        ("add-custodian", {"name": "di", "key": b"\x30\x00"}, Malformed),
        ("remove-custodian", {"name": "di"}, NotFound),
        ("remove-custodian", {"name": "ann"}, Conflict),
    ],
)
def test_an_act_that_cannot_be_is_refused_before_anyone_signs(
    certifier: Certifier, act: str, parameters: dict[str, str | bytes], kind: type[ApplianceError]
) -> None:
    with pytest.raises(kind):
        open_(certifier, act, **parameters)


# --- signatures -----------------------------------------------------------------------------------


def test_one_custodian_is_not_two(certifier: Certifier) -> None:
    number, statement = open_(certifier, "request-authority", **REQUEST)
    approve(certifier, number, statement, ANN)
    with pytest.raises(Conflict):
        approve(certifier, number, statement, ANN)
    with pytest.raises(Unauthenticated):
        certifier.approve_ceremony(CeremonyApprove(1, number, "bo", ANN.sign(statement)))
    with pytest.raises(Unauthenticated):
        approve(certifier, number, statement, CY)
    assert certifier.authorities()["ceremonies"][0]["signed_by"] == ["ann"]


def test_a_signature_over_another_statement_is_none(certifier: Certifier) -> None:
    first, statement = open_(certifier, "request-authority", **REQUEST)
    second, _ = open_(certifier, "request-authority", **REQUEST)
    assert first != second
    with pytest.raises(Unauthenticated):
        approve(certifier, second, statement, ANN)


def test_a_ceremony_is_held_once(certifier: Certifier) -> None:
    number, statement = open_(certifier, "request-authority", **REQUEST)
    for who in (ANN, BO):
        approve(certifier, number, statement, who)
    with pytest.raises(NotFound):
        approve(certifier, number, statement, ANN)


def test_a_ceremony_is_over_after_a_day(production: Home, certifier: Certifier) -> None:
    number, statement = open_(certifier, "request-authority", **REQUEST)
    approve(certifier, number, statement, ANN)
    production.hands.pass_time(DAY_S + 1)
    with pytest.raises(NotFound):
        approve(certifier, number, statement, BO)


def test_a_statement_tells_custodians_what_they_sign(certifier: Certifier) -> None:
    number, statement = open_(certifier, "request-authority", **REQUEST)
    lines = statement.decode().splitlines()
    assert lines[0] == "Shiyin ceremony, version 1"
    assert "act: request-authority" in lines
    assert "parameter name: issuing-main" in lines
    assert f"ceremony: {number.hex()}" in lines


@pytest.mark.parametrize("options", [["-pkeyopt", "distid:1234567812345678"]])
def test_custodians_may_sign_with_openssl(
    tmp_path: Path, production: Home, options: list[str]
) -> None:
    for path in production.folder("custodians").iterdir():
        path.unlink()
    _openssl(
        tmp_path,
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:SM2",
        "-out",
        "a.pem",
    )
    _openssl(
        tmp_path,
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        "b.pem",
    )
    for name in ("a", "b"):
        public = production.folder("custodians") / f"{name}.pem"
        _openssl(tmp_path, "pkey", "-in", f"{name}.pem", "-pubout", "-out", str(public))
    certifier = production.open()
    number, statement = open_(certifier, "request-authority", **REQUEST)
    (tmp_path / "statement").write_bytes(statement)
    signing_sm2 = ["pkeyutl", "-sign", "-rawin", "-digest", "sm3", *options]
    _openssl(tmp_path, *signing_sm2, "-inkey", "a.pem", "-in", "statement", "-out", "a.sig")
    _openssl(tmp_path, "dgst", "-sha256", "-sign", "b.pem", "-out", "b.sig", "statement")
    outcomes = [
        certifier.approve_ceremony(
            CeremonyApprove(1, number, name, (tmp_path / f"{name}.sig").read_bytes())
        )["is_done"]
        for name in ("a", "b")
    ]
    certifier.close()
    assert outcomes == [False, True]


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


# --- custodians -----------------------------------------------------------------------------------


def test_the_first_two_custodians_are_the_operators_word_and_no_third_is(
    production: Home,
) -> None:
    enrol(production, CY)
    certifier = production.open()
    assert certifier.authorities()["custodians"] == ["ann", "bo"]
    for path in production.folder("custodians").iterdir():
        path.unlink()
    enrol(production, CY)
    assert certifier.authorities()["custodians"] == ["ann", "bo"]
    certifier.close()


def test_a_third_custodian_joins_by_ceremony_and_then_one_may_leave(certifier: Certifier) -> None:
    assert hold(certifier, "add-custodian", name="cy", key=CY.spki)["custodians"] == [
        "ann",
        "bo",
        "cy",
    ]
    assert hold(certifier, "remove-custodian", name="ann")["custodians"] == ["bo", "cy"]
    number, statement = open_(certifier, "request-authority", **REQUEST)
    with pytest.raises(Unauthenticated):
        approve(certifier, number, statement, ANN)


def test_without_two_custodians_there_is_no_ceremony(tmp_path: Path) -> None:
    home = Home(tmp_path, mode="production")
    enrol(home, ANN)
    certifier = home.open()
    with pytest.raises(Conflict):
        open_(certifier, "request-authority", **REQUEST)
    certifier.close()


# --- off line -------------------------------------------------------------------------------------


def test_a_root_that_is_none_signs_nothing() -> None:
    leaf = ROOT.issue(template_of("tsa", Addresses()), "TSA", generate(KeyAlgorithm.SM2))
    with pytest.raises(Refused):
        Root(leaf.certificate, leaf.key)
    with pytest.raises(Refused):
        Root(ROOT.certificate, leaf.key)


def test_what_is_signed_off_line_ends_with_its_root(production: Home) -> None:
    now = Utc(ROOT.certificate.validity.not_after.posix_us - 100 * DAY_S * US_PER_S)
    certificate = decode_certificate(
        sign_request(
            csr_of(generate(KeyAlgorithm.P256)),
            Root(ROOT.certificate, ROOT.key),
            template_of("issuing", Addresses()),
            days=3650,
            now=now,
            verify=verify,
        )
    )
    assert certificate.validity == Validity(now, ROOT.certificate.validity.not_after)
