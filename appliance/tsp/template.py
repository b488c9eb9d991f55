"""Token templates: all that is constant under one profile, policy and certificate, as octets.

A template is rendered once and kept for ever: with it and a ledger row a token can be made again,
octet for octet.  The Renderer puts the varying parts in; there is no other way to make a token.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Annotated, Self

import attrs
import msgspec
from msgspec import Meta

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.signed import cms
from appliance.asn1.sm2 import signature_to_der
from appliance.asn1.tsp import PKIStatus, encode_accuracy
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed
from appliance.quantities import US_PER_S, Accuracy, render_second
from appliance.tsp.policy import Policy, Profile, TokenForm
from appliance.tsp.serial import SERIAL_OCTETS

Digest = Callable[[bytes], bytes]

DIGEST_OCTETS = 32
TEMPLATE_ID_OCTETS = 16
CERTIFICATE_ID_OCTETS = 16

_FORMAT = b"\x01"
_CONTEXT_0 = der.context(0)
_VERSION_1 = der.integer(1)
_VERSION_3 = der.integer(3)
_TST_INFO = der.oid(oids.TST_INFO)
_GRANTED = der.sequence(der.integer(PKIStatus.GRANTED))
_SERIAL_HEADER = der.header(der.INTEGER, SERIAL_OCTETS)

_HASHES = {
    KeyAlgorithm.SM2: ("sm3", oids.SM3),
    KeyAlgorithm.P256: ("sha256", oids.SHA256),
    KeyAlgorithm.RSA: ("sha256", oids.SHA256),
}
_SIGNATURE_ALGORITHMS = {
    KeyAlgorithm.SM2: algorithm_identifier(oids.SM2_WITH_SM3),
    KeyAlgorithm.P256: algorithm_identifier(oids.ECDSA_WITH_SHA256),
    KeyAlgorithm.RSA: algorithm_identifier(oids.RSA_ENCRYPTION, null=True),
}

_Name = Annotated[str, Meta(max_length=256)]
_Octets = Annotated[bytes, Meta(max_length=64 * 1024)]

_second = functools.lru_cache(8)(render_second)
_sequence_header = functools.lru_cache(1024)(functools.partial(der.header, der.SEQUENCE))


@attrs.frozen
class SignerCertificate:
    """What a template takes from the TSA's certificate.

    `certificate` and `chain` (issuers, any order) are DER; `issuer` and `subject` are Name TLVs;
    `serial_number` is an INTEGER TLV.
    """

    certificate: bytes
    issuer: bytes
    serial_number: bytes
    subject: bytes
    chain: tuple[bytes, ...] = ()


class Template(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The constant octets of a token, as TLVs unless said otherwise.

    `content_type` is the outer OID; `tst_head` and `tst_tail` are how TSTInfo begins and ends;
    `attributes_head` and `attributes_tail` stand around the digest in the content of signedAttrs,
    whose SET OF order the digest cannot change.  `certificate_id` is the head of the SHA-256 of the
    TSA's certificate.
    """

    profile: _Name
    policy: _Name
    algorithm: KeyAlgorithm
    hash_name: _Name
    certificate_id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    content_type: _Octets
    digest_algorithm: _Octets
    tst_head: _Octets
    tst_tail: _Octets
    certificates: _Octets
    signer_id: _Octets
    attributes_head: _Octets
    attributes_tail: _Octets
    signature_algorithm: _Octets

    @property
    def template_id(self) -> bytes:
        """Names the template in ledger rows: 16 octets of the SHA-256 of its serialisation."""
        return hashlib.sha256(self.to_bytes()).digest()[:TEMPLATE_ID_OCTETS]

    def to_bytes(self) -> bytes:
        """Serialise: a version octet, then msgpack."""
        return _FORMAT + msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.  Raises Malformed."""
        if data[:1] != _FORMAT:
            raise Malformed("a template of an unknown version")
        try:
            template = msgspec.msgpack.decode(data[1:], type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed("not a template") from error
        if template.to_bytes() != data or template.hash_name not in {"sm3", "sha256"}:
            raise Malformed("not a template as it is written")
        return template


def render_template(
    profile: Profile, policy: Policy, signer: SignerCertificate, digest: Digest
) -> Template:
    """Render the template of a profile, a policy and a certificate.

    `digest` is the hash of the profile's algorithm: SM3 for SM2, else SHA-256.
    """
    hash_name, hash_oid = _HASHES[profile.algorithm]
    signing_certificate = cms.signing_certificate_v2(
        digest(signer.certificate), hash_oid, signer.issuer, signer.serial_number
    )
    attributes_head, attributes_tail = _signed_attributes(signing_certificate)
    is_gmt = profile.form is TokenForm.GMT0010
    chain = signer.chain if profile.chain else ()
    return Template(
        profile=profile.name,
        policy=policy.oid,
        algorithm=profile.algorithm,
        hash_name=hash_name,
        certificate_id=hashlib.sha256(signer.certificate).digest()[:CERTIFICATE_ID_OCTETS],
        content_type=der.oid(oids.GMT0010_SIGNED_DATA if is_gmt else oids.SIGNED_DATA),
        digest_algorithm=algorithm_identifier(hash_oid),
        tst_head=_VERSION_1 + der.oid(policy.oid),
        tst_tail=der.tlv(_CONTEXT_0, der.tlv(der.context(4), signer.subject)),
        certificates=cms.certificate_set((signer.certificate, *chain)),
        signer_id=cms.issuer_and_serial_number(signer.issuer, signer.serial_number),
        attributes_head=attributes_head,
        attributes_tail=attributes_tail,
        signature_algorithm=(
            algorithm_identifier(oids.SM2_SIGN)
            if is_gmt
            else _SIGNATURE_ALGORITHMS[profile.algorithm]
        ),
    )


def _signed_attributes(signing_certificate: bytes) -> tuple[bytes, bytes]:
    """Render the content of signedAttrs up to the digest, and from there on."""
    blank = cms.attribute(oids.MESSAGE_DIGEST, der.octet_string(bytes(DIGEST_OCTETS)))
    attributes = (
        cms.attribute(oids.CONTENT_TYPE, _TST_INFO),
        blank,
        cms.attribute(oids.SIGNING_CERTIFICATE_V2, signing_certificate),
    )
    content = b"".join(sorted(attributes))
    digest_end = content.index(blank) + len(blank)
    return content[: digest_end - DIGEST_OCTETS], content[digest_end:]


class Renderer:
    """Puts serial, time, imprint, digest and signature into a template.

    The length headers around them depend on three numbers only and are remembered.
    """

    __slots__ = ("_attributes_opening", "_frame", "_is_sm2", "template", "template_id")

    def __init__(self, template: Template) -> None:
        self.template = template
        self.template_id = template.template_id
        self._is_sm2 = template.algorithm is KeyAlgorithm.SM2
        rest = DIGEST_OCTETS + len(template.attributes_tail)
        self._attributes_opening = _opened(der.SET, template.attributes_head, rest)
        self._frame = functools.lru_cache(1024)(self._render_frame)

    def tst_info(
        self,
        imprint_tlv: bytes,
        serial: bytes,
        gen_time_us: int,
        accuracy_us: int,
        nonce_tlv: bytes,
    ) -> bytes:
        """Render TSTInfo; ordering is left at its DEFAULT, FALSE."""
        content = b"".join(
            (
                self.template.tst_head,
                imprint_tlv,
                _SERIAL_HEADER,
                serial,
                _gen_time(gen_time_us),
                _accuracy(accuracy_us),
                nonce_tlv,
                self.template.tst_tail,
            )
        )
        return _sequence_header(len(content)) + content

    def signed_attributes(self, digest: bytes) -> bytes:
        """Render the octets to sign: the attributes under the tag SET OF (RFC 5652 5.4)."""
        return self._attributes_opening + digest + self.template.attributes_tail

    def response(
        self, tst_info: bytes, digest: bytes, signature: bytes, *, cert_req: bool
    ) -> bytes:
        """Render the TimeStampResp of status granted; `signature` is in the engine's form."""
        if self._is_sm2:
            signature = signature_to_der(signature)
        certificates = self.template.certificates if cert_req else b""
        head, _, middle, tail = self._frame(len(tst_info), len(signature), certificates)
        return b"".join((head, tst_info, middle, digest, tail, signature))

    def token(self, tst_info: bytes, digest: bytes, signature: bytes, *, cert_req: bool) -> bytes:
        """Render the TimeStampToken alone; `signature` is in the engine's form."""
        if self._is_sm2:
            signature = signature_to_der(signature)
        certificates = self.template.certificates if cert_req else b""
        _, head, middle, tail = self._frame(len(tst_info), len(signature), certificates)
        return b"".join((head, tst_info, middle, digest, tail, signature))

    def _render_frame(
        self, tst_octets: int, signature_octets: int, certificates: bytes
    ) -> tuple[bytes, bytes, bytes, bytes]:
        """Render what precedes TSTInfo (in a response; in a token), the digest, the signature."""
        template = self.template
        tail = (
            template.attributes_tail
            + template.signature_algorithm
            + der.header(der.OCTET_STRING, signature_octets)
        )
        rest = DIGEST_OCTETS + len(tail) + signature_octets
        attributes = b"\xa0" + self._attributes_opening[1:]
        signer = _VERSION_1 + template.signer_id + template.digest_algorithm + attributes
        signers = _opened(der.SET, _opened(der.SEQUENCE, signer, rest), rest)
        middle = certificates + signers
        rest += tst_octets + len(middle)
        econtent = _opened(_CONTEXT_0, der.header(der.OCTET_STRING, tst_octets), tst_octets)
        content_info = _opened(der.SEQUENCE, _TST_INFO + econtent, tst_octets)
        signed_data = _VERSION_3 + der.set_of((template.digest_algorithm,)) + content_info
        content = _opened(_CONTEXT_0, _opened(der.SEQUENCE, signed_data, rest), rest)
        token_head = _opened(der.SEQUENCE, template.content_type + content, rest)
        return _opened(der.SEQUENCE, _GRANTED + token_head, rest), token_head, middle, tail


def _opened(tag: int, head: bytes, rest_octets: int) -> bytes:
    """Render a value that begins with `head`, up to where its other `rest_octets` follow."""
    return der.header(tag, len(head) + rest_octets) + head


def _gen_time(gen_time_us: int) -> bytes:
    """Render genTime as `Utc.generalized_time` does, the text of the second remembered."""
    second, micros = divmod(gen_time_us, US_PER_S)
    if not micros:
        return b"\x18\x0f%bZ" % _second(second)
    fraction = (b"%06d" % micros).rstrip(b"0")
    return b"\x18%c%b.%bZ" % (16 + len(fraction), _second(second), fraction)


@functools.lru_cache(64)
def _accuracy(accuracy_us: int) -> bytes:
    return encode_accuracy(Accuracy(accuracy_us))
