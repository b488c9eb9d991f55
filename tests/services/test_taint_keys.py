"""A demo's keys serve no production box, and production's no demo, whichever file is carried over.

The mode of a key is sealed with it (tests/crypto/test_sealing.py: no octet of it can be changed).
"""

import shutil
from pathlib import Path

import attrs
import pytest
from kit.production import KEY, ProductionBox

from appliance.crypto.engine import choose_engine
from appliance.errors import NotFound, Refused
from appliance.services.unlocking import Unlocked, unlock_signer
from appliance.settings import Settings, load_settings
from appliance.tsp.policy import Profile

DEMO = Settings().profiles()[:1]


@pytest.fixture
def installed(tmp_path: Path) -> ProductionBox:
    return ProductionBox(tmp_path).install()


def unlock(box: ProductionBox, mode: str, profiles: tuple[Profile, ...]) -> Unlocked:
    places = box.places
    return unlock_signer(
        profiles,
        choose_engine(),
        mode=mode,
        keys=places.keys,
        certificates=places.certificates,
        secret=places.secret,
    )


def profiles_of(box: ProductionBox) -> tuple[Profile, ...]:
    settings = load_settings(box.configure("[time]\nsource = 'hardware'\n"))
    settings.check()
    return settings.profiles()


def test_a_production_box_opens_its_own_keys(installed, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", installed.environment["CREDENTIALS_DIRECTORY"])
    unlocked = unlock(installed, "production", profiles_of(installed))
    assert list(unlocked.identities) == [KEY]
    unlocked.close()


def test_a_demo_opens_no_key_of_production_though_it_be_given_the_kek(installed):
    kek = Path(installed.environment["CREDENTIALS_DIRECTORY"]) / "kek"
    shutil.copy(kek, installed.places.secret / "kek")
    with pytest.raises(Refused, match="another purpose"):
        unlock(installed, "demo", profiles_of(installed))


def test_a_demo_opens_no_key_of_production_under_a_kek_of_its_own(installed):
    with pytest.raises(Refused):
        unlock(installed, "demo", profiles_of(installed))


def test_production_opens_no_key_of_a_demo_though_it_be_given_the_kek(tmp_path, monkeypatch):
    box = ProductionBox(tmp_path)
    box.places.make()
    unlock(box, "demo", DEMO).close()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(box.places.secret))
    with pytest.raises(Refused, match="another purpose"):
        unlock(box, "production", DEMO)


def test_production_needs_its_kek_from_the_credential_though_a_demos_lies_there(tmp_path):
    box = ProductionBox(tmp_path)
    box.places.make()
    unlock(box, "demo", DEMO).close()
    with pytest.raises(Refused, match="systemd credential"):
        unlock(box, "production", DEMO)


def test_a_new_box_of_production_serves_no_profile_and_can_be_commissioned(tmp_path, monkeypatch):
    box = ProductionBox(tmp_path).install()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", box.environment["CREDENTIALS_DIRECTORY"])
    (box.places.certificates / f"{KEY}.pem").unlink()
    unlocked = unlock(box, "production", profiles_of(box))
    assert not unlocked.identities
    assert not unlocked.profiles
    assert unlocked.ledger_key.public
    unlocked.close()


def test_a_box_that_lacks_one_certificate_of_two_does_not_start(tmp_path, monkeypatch):
    box = ProductionBox(tmp_path).install()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", box.environment["CREDENTIALS_DIRECTORY"])
    (profile,) = profiles_of(box)
    other = attrs.evolve(profile, name="other", key="tsa-other")
    with pytest.raises(NotFound, match="tsa-other"):
        unlock(box, "production", (profile, other))
