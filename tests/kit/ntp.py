"""NTP from a client's side: requests, a port in memory, and ntplib as the reader of replies."""

import ntplib

CLIENT = ("192.0.2.7", 40_123)
LOCAL = ("127.0.0.1", 40_124)


def ntp_request(version: int = 4, mode: int = 3, transmit: bytes = bytes(range(1, 9))) -> bytes:
    """Give a request of 48 octets."""
    return bytes((version << 3 | mode, 0, 6, 0)) + bytes(36) + transmit


def read_reply(octets: bytes) -> ntplib.NTPPacket:
    """Read a reply by ntplib."""
    found = ntplib.NTPPacket()
    found.from_data(octets)
    return found


def refid_text(reply: ntplib.NTPPacket) -> str:
    """Give the reference identifier as text."""
    octets: bytes = reply.ref_id.to_bytes(4, "big")
    return octets.rstrip(b"\0").decode("ascii")


class MemoryPort:
    """A UDP port whose datagrams go nowhere and are kept."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.failure: OSError | None = None

    def write(self, packet: bytes, addr: tuple[str, int]) -> None:
        """Keep a datagram, or fail as the test says."""
        if self.failure is not None:
            raise self.failure
        self.sent.append((packet, addr))

    def take(self) -> list[bytes]:
        """Take what was sent since the last time."""
        sent, self.sent = self.sent, []
        return [packet for packet, _ in sent]
