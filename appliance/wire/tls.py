"""TLS in front of a Door: 1.2 and 1.3 alone, and a certificate that can change while we run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.interfaces import IAddress, IOpenSSLContextFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer  # type: ignore[import-untyped]

from appliance.errors import Refused
from appliance.services.reactor import Clock
from appliance.wire.connections import Door

# Forward secrecy and AEAD alone (RFC 9325 4.2); 1.3 has no others.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_OPTIONS = (
    SSL.OP_NO_COMPRESSION
    | SSL.OP_NO_RENEGOTIATION
    | SSL.OP_NO_TICKET
    | SSL.OP_CIPHER_SERVER_PREFERENCE
)
_HTTP_1_1 = b"http/1.1"


@implementer(IOpenSSLContextFactory)
class TlsIdentity:
    """The certificate chain and key that new connections are shown; `load` changes them."""

    def __init__(self) -> None:
        self._context: SSL.Context | None = None

    def load(self, chain: Path, key: Path) -> None:
        """Take a chain and its key from PEM files; connections that are open keep the old ones.

        Raises Refused when they cannot be read or do not belong together; then nothing changes.
        """
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(_OPTIONS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(_CIPHERS)
        context.set_alpn_select_callback(_choose)
        try:
            context.use_certificate_chain_file(str(chain))
            context.use_privatekey_file(str(key))
            context.check_privatekey()
        except (SSL.Error, OSError) as error:
            raise Refused(f"{chain.name} and {key.name} are no TLS identity: {error}") from error
        self._context = context

    def getContext(self) -> SSL.Context:  # noqa: N802  Twisted's name
        """Give what the next connection is made with."""
        assert self._context is not None, "an identity is loaded before its port opens"
        return self._context


class TlsDoor(TLSMemoryBIOFactory):
    """Puts TLS before a Door; who it turns away is not even shaken hands with.

    The first deadline of a connection counts from its beginning, so it bounds the handshake too.
    """

    noisy = False

    def __init__(self, identity: TlsIdentity, door: Door, clock: Clock) -> None:
        super().__init__(cast("Any", identity), False, cast("Any", door), cast("Any", clock))

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: ANN401  as the parent's, or None
        """Wrap a connection that the door takes."""
        inner = self.wrappedFactory.buildProtocol(cast("Any", addr))
        return None if inner is None else self.protocol(self, inner)


def _choose(_connection: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ANN401  bytes or pyOpenSSL's mark
    return _HTTP_1_1 if _HTTP_1_1 in offered else SSL.NO_OVERLAPPING_PROTOCOLS
