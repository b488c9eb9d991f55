"""The TLS identity of the interface, with a certificate of our own authority."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.errors import Unavailable
from appliance.pki.states import RequestState
from appliance.services.registration.requests import RequestDesk, Wish
from appliance.services.tls_store import TlsFiles, TlsStore, is_address
from appliance.store.registry.requests import RequestRow

__all__ = ["AUTHORITY", "OWNER", "TEMPLATE", "TlsFiles", "TlsKeeper", "server_fields"]

AUTHORITY, TEMPLATE, OWNER = "issuing-p256", "server", "box"


class TlsKeeper(TlsStore):
    """Keeps a certificate of ours on its key."""

    def __init__(self, files: TlsFiles, hosts: Sequence[str]) -> None:
        super().__init__(files, hosts)
        self._asked: RequestRow | None = None

    async def renew(self, desk: RequestDesk, chain: Sequence[bytes]) -> None:
        """Have our authority, whose chain in DER is given, issue the certificate.

        Raises Unavailable when it does not now.
        """
        wish = Wish(AUTHORITY, TEMPLATE, OWNER, fields=server_fields(self.hosts), csr=self.csr)
        # What waits for the signer is sent again: it would be issued beside a second one.
        asked = self._asked
        (row,) = await (desk.take([wish]) if asked is None else desk.send([asked]))
        self._asked = row if row.state is RequestState.SUBMITTED else None
        if row.state is not RequestState.ISSUED or row.certificate_id is None:
            raise Unavailable(f"no certificate for TLS: {row.reason or row.state.value}")
        self.install([await desk.certificate_of(row), *chain])


def server_fields(hosts: Sequence[str]) -> dict[str, str]:
    """Give what a server's certificate says of its names and addresses."""
    fields = {"organization": "Shiyin", "name": hosts[0]}
    names = [host for host in hosts if not is_address(host)]
    addresses = [host for host in hosts if is_address(host)]
    if names:
        fields["dns"] = " ".join(names)
    if addresses:
        fields["ip"] = " ".join(addresses)
    return fields
