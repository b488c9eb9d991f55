"""What a box makes once in its life, wherever it was interrupted, and what it publishes."""

import functools
import itertools
import shutil
from collections.abc import Iterable
from pathlib import Path

import attrs
import pytest
from kit.authority import generate
from kit.boxes import NOW, BoxFolder, demo_profiles

from appliance.asn1 import pem
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.errors import NotFound, Refused
from appliance.pki.issuing import spki_of
from appliance.pki.path import validate_path
from appliance.quantities import US_PER_S, Utc
from appliance.services.commissioning import Identity
from appliance.services.publishing import LEDGER_KEY, ROOTS, publish

verify = functools.partial(verify_signature, LibcryptoEngine())
SM2_ONLY = demo_profiles()[:1]
FILES = ("keys/root-sm2.key", "certificates/root-sm2.pem", "keys/tsa-sm2.key")
LAST = "certificates/tsa-sm2.pem"


@pytest.fixture(scope="module")
def commissioned(tmp_path_factory: pytest.TempPathFactory) -> BoxFolder:
    box = BoxFolder(tmp_path_factory.mktemp("box") / "state").make()
    box.commission()
    return box


@pytest.fixture
def box(tmp_path: Path, commissioned: BoxFolder) -> BoxFolder:
    """A commissioned box of the test's own."""
    shutil.copytree(commissioned.root, tmp_path / "state")
    return BoxFolder(tmp_path / "state")


def read_all(path: Path) -> list[bytes]:
    return pem.read_all(path.read_bytes(), "CERTIFICATE")


def assert_sound(identities: Iterable[Identity], at: Utc = NOW) -> None:
    """The key signs, its certificate says so, and a path leads to the root."""
    for identity in identities:
        (signature,) = identity.key.sign_many([b"message"])
        certificate = identity.certificate
        assert certificate.spki == spki_of(identity.key.algorithm, identity.key.public)
        assert len(signature) >= 64
        path = validate_path(certificate, (), identity.issuers, at, verify)
        assert path.is_valid, str(path)


# --- the demo -------------------------------------------------------------------------------------


def test_every_certificate_leads_to_its_root(box: BoxFolder) -> None:
    identities = box.commission()
    assert sorted(identities) == ["tsa-p256", "tsa-sm2"]
    assert_sound(identities.values())


def test_a_tsa_stands_directly_under_its_root(box: BoxFolder) -> None:
    for identity in box.commission().values():
        (root,) = identity.issuers
        assert root.subject.der == root.issuer.der == identity.certificate.issuer.der
        verdict = verify(
            root.spki,
            identity.certificate.signature_algorithm.oid,
            identity.certificate.tbs,
            identity.certificate.signature,
        )
        assert verdict is Verification.VALID


def test_a_second_start_changes_nothing(box: BoxFolder) -> None:
    before = box.contents()
    box.commission()
    assert box.contents() == before


def test_certificates_begin_an_hour_ago_and_hold_for_ten_years(box: BoxFolder) -> None:
    validity = box.commission()["tsa-sm2"].certificate.validity
    assert NOW.posix_us - validity.not_before.posix_us == 3600 * US_PER_S
    assert validity.not_after.isoformat() == "2036-02-27T11:00:00.000000Z"


def test_serial_numbers_are_positive_16_octets_and_differ(box: BoxFolder) -> None:
    identities = box.commission().values()
    numbers = [each.certificate.serial_number for each in identities]
    numbers += [each.issuers[0].serial_number for each in identities]
    assert len(set(numbers)) == 4
    assert all(1 << 120 < number < 1 << 127 for number in numbers)


def test_private_keys_are_for_their_owner_and_certificates_for_all(box: BoxFolder) -> None:
    assert {path.stat().st_mode & 0o777 for path in box.keys.iterdir()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in box.certificates.iterdir()} == {0o644}


# --- interruptions --------------------------------------------------------------------------------


@pytest.mark.parametrize("written", range(4))
def test_a_box_interrupted_after_any_file_goes_on_from_there(box: BoxFolder, written: int) -> None:
    files = [*FILES, LAST]
    kept = {name: (box.root / name).read_bytes() for name in files[:written]}
    for name in files[written:]:
        (box.root / name).unlink()
    assert_sound(box.commission(SM2_ONLY).values())
    assert {name: (box.root / name).read_bytes() for name in kept} == kept


SUBSETS = [lost for count in range(1, 5) for lost in itertools.combinations([*FILES, LAST], count)]


@pytest.mark.parametrize("lost", SUBSETS, ids=[" ".join(lost) for lost in SUBSETS])
def test_whatever_files_are_lost_no_unsound_box_starts(
    box: BoxFolder, lost: tuple[str, ...]
) -> None:
    for name in lost:
        (box.root / name).unlink()
    try:
        identities = box.commission(SM2_ONLY)
    except Refused:
        # A certificate is left whose key is lost.
        assert set(lost) & {FILES[0], FILES[2]}
        return
    assert_sound(identities.values())


def test_a_half_written_file_is_no_file(box: BoxFolder) -> None:
    (box.root / LAST).rename(box.certificates / ".tsa-sm2.pem.new")
    assert_sound(box.commission(SM2_ONLY).values())
    assert not (box.certificates / ".tsa-sm2.pem.new").exists()


# --- what is refused ------------------------------------------------------------------------------


def test_a_certificate_of_another_key_is_refused(box: BoxFolder) -> None:
    (box.certificates / "tsa-sm2.pem").write_bytes((box.certificates / "root-sm2.pem").read_bytes())
    with pytest.raises(Refused, match="does not begin with the certificate"):
        box.commission()


def test_an_empty_certificate_file_is_refused(box: BoxFolder) -> None:
    (box.certificates / "tsa-sm2.pem").write_bytes(b"")
    with pytest.raises(Refused):
        box.commission()


def test_production_makes_no_certificate(tmp_path: Path) -> None:
    box = BoxFolder(tmp_path / "state").make()
    with pytest.raises(NotFound, match="no certificate"):
        box.commissioner("production").tsa_identities(SM2_ONLY)
    assert box.files() == []


def test_production_makes_no_tsa_key(box: BoxFolder) -> None:
    (box.keys / "tsa-sm2.key").unlink()
    with pytest.raises(NotFound, match="no key"):
        box.commissioner("production").tsa_identities(SM2_ONLY)


def test_production_takes_no_key_of_a_demo(box: BoxFolder) -> None:
    with pytest.raises(Refused, match="another purpose"):
        box.commissioner("production").tsa_identities(SM2_ONLY)


# --- the key of the ledger ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["demo", "production"])
def test_the_ledger_key_is_made_at_first_start_and_stays(tmp_path: Path, mode: str) -> None:
    commissioner = BoxFolder(tmp_path / "state").make().commissioner(mode)  # type: ignore[arg-type]
    key = commissioner.ledger_key()
    assert key.algorithm is KeyAlgorithm.SM2
    assert commissioner.ledger_key().public == key.public


# --- publishing -----------------------------------------------------------------------------------


def test_what_verifiers_need_is_published_for_all(box: BoxFolder, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    folder.mkdir()
    identities = box.commission()
    key = box.commissioner().ledger_key()
    publish(folder, identities.values(), key)
    publish(folder, identities.values(), key)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["tsa-sm2.pem", "tsa-p256.pem", ROOTS, LEDGER_KEY]
    )
    roots = [decode_certificate(der) for der in read_all(folder / ROOTS)]
    for name, identity in identities.items():
        (published,) = read_all(folder / f"{name}.pem")
        assert published == identity.certificate.der
        leaf = decode_certificate(published)
        assert validate_path(leaf, (), roots, NOW, verify).is_valid
    (spki,) = pem.read_all((folder / LEDGER_KEY).read_bytes(), "PUBLIC KEY")
    assert spki == spki_of(key.algorithm, key.public)


def test_a_root_over_two_keys_is_published_once(box: BoxFolder, tmp_path: Path) -> None:
    identity = box.commission()["tsa-sm2"]
    twin = attrs.evolve(identity, name="twin")
    publish(tmp_path, [identity, twin], generate(KeyAlgorithm.SM2))
    assert len(read_all(tmp_path / ROOTS)) == 1
