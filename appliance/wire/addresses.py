"""Client addresses in the one form that lists, limits and the ledger use."""

from __future__ import annotations

import ipaddress


def pack_client(host: str, port: int) -> bytes:
    """Pack an address and port: 6 octets for IPv4 (mapped too), 18 for IPv6, none if unknown."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return b""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.packed + port.to_bytes(2, "big")


def unpack_client(packed: bytes) -> str:
    """Render a packed client as a person writes it: `192.0.2.1:80`, `[2001:db8::1]:80` or `-`."""
    if len(packed) not in (6, 18):
        return "-"
    address = ipaddress.ip_address(packed[:-2])
    port = int.from_bytes(packed[-2:], "big")
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
