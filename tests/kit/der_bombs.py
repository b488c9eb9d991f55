"""DER that a parser could choke on, each within the 4 KiB that a TimeStampReq may have."""

LIMIT = 4096


def definite_nest(depth: int) -> bytes:
    """Nest SEQUENCEs `depth` deep, each with its true length."""
    octets = b""
    for _ in range(depth):
        size = len(octets)
        head = bytes((0x30, size)) if size < 128 else b"\x30\x82" + size.to_bytes(2, "big")
        octets = head + octets
    return octets


BOMBS = {
    "nested sequences": definite_nest(1000),
    "nested sequences of indefinite length": b"\x30\x80" * (LIMIT // 2),
    "nested sequences that promise more": b"\x30\x84\xff\xff\xff\xff" * (LIMIT // 6),
    "nested constructed octet strings": b"\x24\x80" * (LIMIT // 2),
    "a length of 4 GiB": b"\x30\x84\xff\xff\xff\xff",
    "a length of 126 octets": b"\x30\xfe" + b"\xff" * 126,
    "a reserved length": b"\x30\xff",
    "an endless tag number": b"\x3f" + b"\xff" * (LIMIT - 1),
    "an endless object identifier": b"\x30\x82\x0f\xfc\x06\x82\x0f\xf8" + b"\xff" * 4088,
    "an integer of 4 KiB": b"\x30\x82\x0f\xfc\x02\x82\x0f\xf8" + b"\x7f" * 4088,
    "thousands of nulls": b"\x30\x82\x0f\xfc" + b"\x05\x00" * 2046,
    "thousands of empty sequences": b"\x30\x82\x0f\xfc" + b"\x30\x00" * 2046,
    "zeros": bytes(LIMIT),
    "ones": b"\xff" * LIMIT,
}
