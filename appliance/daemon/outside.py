"""The roads to authorities elsewhere, as the settings have them."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from OpenSSL import crypto
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.web.client import BrowserLikePolicyForHTTPS

from appliance.asn1 import pem
from appliance.errors import Refused
from appliance.pki.cmp.protection import SharedSecret
from appliance.quantities import Utc
from appliance.services.registration.roads import CmpRoad, EstRoad, Road
from appliance.settings import OutsideAuthority
from appliance.wire.outgoing import HttpAsker


def outside_roads(
    tables: Sequence[OutsideAuthority],
    reactor: Any,  # noqa: ANN401  Agent wants many of its interfaces
    now: Callable[[], Utc],
) -> dict[str, Road]:
    """Make a road to each authority of the settings.  Raises Refused for files that are not fit."""
    return {table.name: _road(table, reactor, now) for table in tables}


def _road(table: OutsideAuthority, reactor: Any, now: Callable[[], Utc]) -> Road:  # noqa: ANN401
    secret = _read(table.secret_file).strip()
    parts = urlsplit(table.url)
    base, path = f"{parts.scheme}://{parts.netloc}", parts.path
    if table.protocol == "est":
        user = f"{table.reference}:".encode() + secret
        asker = HttpAsker(
            reactor,
            base,
            tls=_policy(table.roots),
            credentials=f"Basic {base64.b64encode(user).decode()}",
        )
        return EstRoad(path.rstrip("/"), asker.post)
    asker = HttpAsker(reactor, base, tls=_policy(table.roots))
    return CmpRoad(
        path=path or "/",
        secret=SharedSecret(table.reference.encode(), secret),
        post=asker.post,
        draw=os.urandom,
        now=now,
        pause=lambda seconds: deferLater(reactor, seconds),
    )


def _policy(roots: str) -> Any:  # noqa: ANN401  an IPolicyForHTTPS
    if not roots:
        return None
    blocks = pem.read_all(_read(roots), "CERTIFICATE")
    trusted = [
        Certificate(crypto.load_certificate(crypto.FILETYPE_ASN1, block)) for block in blocks
    ]
    return BrowserLikePolicyForHTTPS(trustRoot=trustRootFromCertificates(trusted))


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
