"""Authorities elsewhere, from the settings to a road."""

import base64

import pytest
from twisted.internet.testing import MemoryReactorClock

from appliance.daemon.outside import outside_roads
from appliance.errors import Refused
from appliance.quantities import Utc
from appliance.services.registration.roads import CmpRoad, EstRoad
from appliance.settings import OutsideAuthority


def roads(tmp_path, **changes):
    """Make the roads to one authority."""
    secret = tmp_path / "secret"
    secret.write_text("between us\n")
    table = OutsideAuthority(
        **{
            "name": "provincial",
            "protocol": "cmp",
            "url": "http://127.0.0.1:8080/pkix/",
            "reference": "hospital-17",
            "secret_file": str(secret),
            **changes,
        }
    )
    return outside_roads([table], MemoryReactorClock(), lambda: Utc(0))


def test_a_cmp_authority_has_the_secret_without_the_end_of_its_line(tmp_path):
    road = roads(tmp_path)["provincial"]
    assert isinstance(road, CmpRoad)
    assert (road.path, road.secret.reference) == ("/pkix/", b"hospital-17")
    assert road.secret.secret == b"between us"


def test_an_est_authority_is_asked_with_user_and_password(tmp_path):
    road = roads(tmp_path, protocol="est", url="https://ca.example/.well-known/est/")["provincial"]
    assert isinstance(road, EstRoad)
    assert road.path == "/.well-known/est"
    user = base64.b64encode(b"hospital-17:between us").decode()
    assert road.post.__self__._credentials == f"Basic {user}"


@pytest.mark.parametrize("changes", [{"secret_file": "/nowhere"}, {"roots": "/nowhere"}])
def test_files_that_are_not_there_are_refused_by_name(tmp_path, changes):
    with pytest.raises(Refused, match="/nowhere"):
        roads(tmp_path, **changes)
