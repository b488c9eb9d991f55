"""The numbers of GB/T 32918.5-2017 annex A, and of the curve."""

from appliance.crypto.secret import SecretBuffer

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = bytes.fromhex(
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)

PRIVATE = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
PUBLIC = bytes.fromhex(
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
MESSAGE = b"message digest"
Z = bytes.fromhex("b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3")
DIGEST = bytes.fromhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640")
R = bytes.fromhex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3")
S = bytes.fromhex("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa")
SIGNATURE = R + S


def scalar(value: int) -> bytes:
    """Render 32 octets, big-endian."""
    return value.to_bytes(32, "big")


def secret_of(content: bytes) -> SecretBuffer:
    """Put octets into locked memory."""
    secret = SecretBuffer(len(content))
    secret.view[:] = content
    return secret


def flip_bit(octets: bytes, bit: int) -> bytes:
    """Invert one bit; bits count from the first octet's lowest, modulo the length."""
    position, shift = divmod(bit % (8 * len(octets)), 8)
    return octets[:position] + bytes((octets[position] ^ 1 << shift,)) + octets[position + 1 :]
