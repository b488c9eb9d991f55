"""What a box says of its own certificates, from its files and its signer, asking nobody else."""

import os
from pathlib import Path

import attrs
import pytest
from kit.authority import authority, make_root
from kit.crls import List, after_stamping, revoked
from kit.logs import logged
from kit.ocsp import as_responder, responder
from kit.verification import (
    CRL_URL,
    NOW,
    OCSP_URL,
    Network,
    Room,
    inline,
    ocsp_page,
    person,
    settled,
)

from appliance.asn1 import pem
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import GOOD, ResponseStatus
from appliance.asn1.status.ocsp_writing import encode_error
from appliance.crypto.api import KeyAlgorithm
from appliance.services.verification.fetching import AllowList
from appliance.services.verification.own import OwnRevocations, PublicShelf

ROOT = authority(KeyAlgorithm.SM2).root
OTHER = make_root(KeyAlgorithm.SM2)
DOCTOR = person()
STRANGER = person(issuer=authority(KeyAlgorithm.P256).root, algorithm=KeyAlgorithm.P256)
PAGE = ocsp_page(as_responder(responder(KeyAlgorithm.SM2)), lambda _: GOOD, NOW)


@attrs.define
class Own:
    """The folder of a box whose one authority is ROOT, and a network that must be left alone."""

    folder: Path
    network: Network = attrs.Factory(Network)

    def __attrs_post_init__(self) -> None:
        self.write("issuing-sm2.cer", ROOT.certificate.der)
        self.write("roots.pem", pem.write("CERTIFICATE", ROOT.certificate.der))

    def write(self, name: str, octets: bytes) -> None:
        """Put a file in place as the signer does: whole."""
        path = self.folder / f"new-{name}"
        path.write_bytes(octets)
        path.rename(self.folder / name)

    def shelf(self) -> PublicShelf:
        bundles = [self.folder / "roots.pem", self.folder / "further.pem"]
        return PublicShelf(bundles, self.folder)

    def revocations(self, ask=None) -> OwnRevocations:
        room = Room(self.network)
        return OwnRevocations(
            self.shelf(),
            ask or (lambda request, told: told(PAGE(request))),
            inline,
            fetcher=self.network,
            allowed=AllowList(room.allowed),
            now=room.clock,
        )


@pytest.fixture
def own(tmp_path: Path) -> Own:
    return Own(tmp_path)


def listed(*entries, **knobs) -> bytes:
    return attrs.evolve(List(issuer=ROOT), entries=entries, **knobs).der()


def test_a_list_is_read_from_the_folder_and_again_when_it_is_another(own: Own) -> None:
    found = own.revocations()
    assert settled(found.lists(DOCTOR.certificate)) == []
    own.write("issuing-sm2.crl", listed())
    (first,) = settled(found.lists(DOCTOR.certificate))
    (again,) = settled(found.lists(DOCTOR.certificate))
    assert again is first
    own.write(
        "issuing-sm2.crl",
        listed(revoked(DOCTOR.certificate, after_stamping(1), CrlReason.KEY_COMPROMISE)),
    )
    (second,) = settled(found.lists(DOCTOR.certificate))
    assert second.find(DOCTOR.certificate.serial_number_tlv) is not None
    own.write("issuing-sm2-delta.crl", listed())
    assert len(settled(found.lists(DOCTOR.certificate))) == 2
    (own.folder / "issuing-sm2.crl").unlink()
    assert len(settled(found.lists(DOCTOR.certificate))) == 1
    assert own.network.asked == []


def test_the_signer_is_asked_and_a_network_is_not(own: Own) -> None:
    (answer,) = settled(own.revocations().answers(DOCTOR.certificate, ROOT.certificate))
    assert answer.basic is not None
    assert own.network.asked == []


def test_a_signer_that_is_away_says_nothing(own: Own) -> None:
    later = encode_error(ResponseStatus.TRY_LATER)
    found = own.revocations(lambda _, told: told(later))
    assert settled(found.answers(DOCTOR.certificate, ROOT.certificate)) == []


def test_of_what_others_issued_others_are_asked(own: Own) -> None:
    found = own.revocations(ask=None)
    issuer = authority(KeyAlgorithm.P256).root.certificate
    assert settled(found.lists(STRANGER.certificate)) == []
    assert settled(found.answers(STRANGER.certificate, issuer)) == []
    assert own.network.asked == [CRL_URL, OCSP_URL]


def test_roots_come_from_every_bundle_once_and_authorities_besides(own: Own) -> None:
    shelf = own.shelf()
    assert shelf.anchors().roots == (ROOT.certificate,)
    assert shelf.anchors().intermediates == (ROOT.certificate,)
    both = (ROOT.certificate, OTHER.certificate)
    own.write("further.pem", b"".join(pem.write("CERTIFICATE", each.der) for each in both))
    assert shelf.anchors().roots == both
    (own.folder / "further.pem").unlink()
    assert shelf.anchors().roots == (ROOT.certificate,)


@pytest.mark.parametrize("octets", [b"\x30\x00", b"", bytes((8 << 20) + 1)])
def test_a_file_that_is_none_holds_nothing_and_is_logged_once(own: Own, octets: bytes) -> None:
    shelf = own.shelf()
    own.write("issuing-sm2.crl", listed())
    assert len(shelf.lists("issuing-sm2")) == 1
    own.write("issuing-sm2.crl", octets)
    with logged() as events:
        assert shelf.lists("issuing-sm2") == []
        assert shelf.lists("issuing-sm2") == []
    assert len(events) == 1


def test_a_pipe_is_not_waited_for(own: Own) -> None:
    os.mkfifo(own.folder / "further.pem")
    assert own.shelf().anchors().roots == (ROOT.certificate,)
