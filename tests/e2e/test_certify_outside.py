"""A running box asks an authority elsewhere over CMP, as its settings say."""

import pytest
from kit.api import Api
from kit.box import SETTINGS, running_box
from kit.cmp_authority import MockAuthority, make_authority

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Run an authority elsewhere; gives it and its folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    make_authority(folder)
    with MockAuthority(folder) as authority:
        yield authority, folder


def test_a_certificate_of_an_authority_elsewhere_is_got_renewed_and_revoked(elsewhere, tmp_path):
    authority, folder = elsewhere
    (tmp_path / "secret").write_text("a shared secret\n")
    table = f"""
[[authority]]
name = "provincial"
protocol = "cmp"
url = "{authority.url}"
reference = "box"
secret_file = "{tmp_path / "secret"}"
"""
    with running_box(tmp_path / "state", SETTINGS + table) as box:
        api = Api.of(box.facts, "operator")
        wish = {"template": "device", "owner_uid": "gateway-1"}
        csr = (folder / "leaf.csr").read_text()
        shown = api.issue(**wish, authority="provincial", csr=csr)
        assert shown["certificate"].strip() in (folder / "leaf.pem").read_text()
        refused = api.post("/v1/requests", {**wish, "authority": "nowhere", "csr": csr})
        assert (refused["state"], bool(refused["reason"])) == ("refused", True)
        gone = api.post(f"/v1/certificates/{shown['id']}/revoke", {"reason": "superseded"})
        assert gone["state"] == "revoked"
        api.close()
