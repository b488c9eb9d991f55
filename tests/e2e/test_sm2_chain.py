"""A chain of four tiers in SM2 with its lists: judged by us, and by others as far as they can.

`openssl verify` of 3.0 takes the ID of SM2 for the leaf alone, and none for lists: each link and
each list is asked about by itself.  BouncyCastle judges the whole.
"""

from pathlib import Path

import attrs
import pytest
from kit import openssl
from kit.authority import Subject, generate, make_root
from kit.chains.case import Case, judged
from kit.chains.making import AT
from kit.crls import List, after_stamping, revoked
from kit.openssl import STANDARD_ID
from kit.path_judges import path_judge, write

from appliance.asn1 import der, pem
from appliance.asn1.extension.extensions import KeyUsage
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.issuing import CertificateTemplate
from appliance.pki.validation.question import RevocationDemand
from appliance.pki.validation.verdict import Code

pytestmark = pytest.mark.e2e

CA = CertificateTemplate(
    name="ca", key_usage=frozenset({KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN}), is_ca=True
)
PERSON = CertificateTemplate(name="person", key_usage=frozenset({KeyUsage.DIGITAL_SIGNATURE}))
SINCE, UNTIL = after_stamping(-1), after_stamping(7)


def tiers() -> list[Subject]:
    """The root, two CAs and a leaf."""
    made = [make_root(KeyAlgorithm.SM2)]
    for number, template in enumerate((CA, CA, PERSON)):
        key = generate(KeyAlgorithm.SM2)
        made.append(
            made[-1].issue(template, f"Tier {number}", key, serial_number=bytes([16 + number]))
        )
    return made


def lists(made: list[Subject], *entries: bytes) -> tuple[bytes, ...]:
    """A list of each CA; the last one has the entries."""
    plain = [List(issuer=issuer, this_update=SINCE, next_update=UNTIL) for issuer in made[:-1]]
    plain[-1] = attrs.evolve(plain[-1], entries=entries)
    return tuple(each.der() for each in plain)


TIERS = tiers()
GOOD = Case(
    name="four tiers",
    leaf=TIERS[-1].certificate.der,
    roots=[TIERS[0].certificate.der],
    intermediates=[each.certificate.der for each in TIERS[1:-1]],
    crls=lists(TIERS),
    demand=RevocationDemand.CHAIN,
    expected=Code.VALID,
)
FORGED = lists([*TIERS[:-2], attrs.evolve(TIERS[-2], key=generate(KeyAlgorithm.SM2)), TIERS[-1]])
CASES = (
    GOOD,
    GOOD.but(
        name="leaf revoked",
        crls=lists(TIERS, revoked(TIERS[-1].certificate, SINCE)),
        expected=Code.REVOKED,
    ),
    GOOD.but(name="forged list", crls=FORGED, expected=Code.NO_REVOCATION_DATA),
    GOOD.but(name="missing tier", intermediates=(), expected=Code.UNKNOWN_ISSUER),
    GOOD.but(
        name="tampered", leaf=GOOD.leaf[:-1] + bytes([GOOD.leaf[-1] ^ 1]), expected=Code.TAMPERED
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_we_judge_the_whole(case: Case) -> None:
    assert judged(case).code is case.expected


def test_bouncycastle_judges_the_whole_as_we_do(tmp_path: Path) -> None:
    with path_judge(tmp_path) as judge:
        for number, case in enumerate(CASES):
            folder = tmp_path / str(number)
            write(case, folder)
            verdict = judge.ask(case, folder)
            assert verdict.accepted == (case.expected is Code.VALID), (case.name, verdict.text)


@pytest.mark.parametrize("link", range(3))
def test_openssl_verifies_each_link(link: int, tmp_path: Path) -> None:
    issuer, subject = (tmp_path / name for name in ("issuer", "subject"))
    issuer.write_bytes(pem.write("CERTIFICATE", TIERS[link].certificate.der))
    subject.write_bytes(pem.write("CERTIFICATE", TIERS[link + 1].certificate.der))
    asked = ("verify", "-partial_chain", "-attime", str(int(AT.timestamp())), "-CAfile", issuer)
    openssl.run(*asked, "-vfyopt", f"distid:{STANDARD_ID}", subject)
    refused = openssl.ask(*asked, "-vfyopt", "distid:another", subject)
    assert "certificate signature failure" in refused.text


@pytest.mark.parametrize("tier", range(3))
def test_openssl_verifies_each_list(tier: int, tmp_path: Path) -> None:
    key, tbs, signature = (tmp_path / name for name in ("key", "tbs", "signature"))
    encoded = GOOD.crls[tier]
    start, stop = der.whole(encoded, der.SEQUENCE)
    (_, at, _, end), _, (_, _, inside, last) = der.children(encoded, start, stop)
    key.write_bytes(pem.write("PUBLIC KEY", TIERS[tier].certificate.spki))
    tbs.write_bytes(encoded[at:end])
    signature.write_bytes(encoded[inside + 1 : last])
    scheme = ("-sm3", "-sigopt", f"distid:{STANDARD_ID}")
    said = openssl.run("dgst", *scheme, "-verify", key, "-signature", signature, tbs)
    assert "Verified OK" in said
