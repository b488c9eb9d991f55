"""Packed clients: an address and port in 6 octets (IPv4), 18 (IPv6), or none when unknown."""

from __future__ import annotations


def owner_of(client: bytes) -> bytes:
    """Take the address out of a packed client: a poll may come over another connection."""
    return client[:-2]


def source_of(client: bytes) -> bytes:
    """Give whom limits count for a packed client: an IPv4 address, or the /64 of an IPv6 one.

    A subscriber has a whole /64 to draw addresses from (RFC 6177, RFC 8981).
    """
    return client[:8] if len(client) > 8 else client[:4]
