"""What is asked of verification and what it answers, as they stand in JSON; octets are base64."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.pki.particulars import Particulars

MAX_SIGNATURES = 16
MAX_DOCUMENT_OCTETS = 16 << 20

Hash = Literal["sm3", "sha256", "sha384", "sha512"]
Check = Literal["none", "crl", "ocsp", "both"]
PurposeName = Literal["any", "server", "client", "person", "device", "ocsp", "timestamping"]
Pem = Annotated[str, Meta(max_length=256 * 1024)]
Moment = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")]


class KnownDigest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document's digest, where the document stays at home; it serves CMS alone."""

    algorithm: Hash
    value: bytes


class SignatureQuestion(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """Signatures on one document, and what they are to be held against.

    The document is in `document`, or in `pieces` that follow one another, or known by `digest`; CMS
    may have it inside.  `certificate` (PEM) is of who must have signed: bare signatures need it.
    `certificates` (PEM) and `crls` (DER) may help.  Without `at` certificates are judged as of now.
    `hash`, `pss` and `sm2_id` (base64) tell what a bare signature does not.
    """

    signatures: Annotated[tuple[bytes, ...], Meta(min_length=1, max_length=MAX_SIGNATURES)]
    form: Literal["auto", "raw", "der", "cms", "skf"] = "auto"
    document: bytes | None = None
    pieces: Annotated[tuple[bytes, ...], Meta(max_length=4096)] | None = None
    digest: KnownDigest | None = None
    certificate: Pem = ""
    certificates: Pem = ""
    crls: Annotated[tuple[bytes, ...], Meta(max_length=16)] = ()
    at: Moment | None = None
    check: Check = "none"
    purpose: PurposeName = "any"
    hash: Hash | None = None
    pss: bool = False
    sm2_id: Annotated[bytes, Meta(max_length=8191)] | None = None


class CertificateQuestion(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """A certificate (PEM) and what it is to be good for; the fields are those of a signature's."""

    certificate: Pem
    certificates: Pem = ""
    crls: Annotated[tuple[bytes, ...], Meta(max_length=16)] = ()
    at: Moment | None = None
    check: Check = "none"
    purpose: PurposeName = "any"


class CertificateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate is worth: `reason` is a code, `chain` names it and its issuers."""

    verdict: str
    reason: str
    detail: str
    chain: tuple[str, ...]


class SignerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one signer; `signing_time` is only what the signer says."""

    verdict: str
    reason: str
    detail: str
    algorithm: str
    digest_algorithm: str
    signing_time: str | None
    certificate: Particulars | None
    validity: CertificateAnswer | None


class SignatureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one signature: its verdict is that of its worst signer."""

    verdict: str
    reason: str
    detail: str
    form: str
    has_document: bool
    signers: tuple[SignerAnswer, ...]


class VerificationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of all signatures: the verdict is that of the worst."""

    verdict: str
    checked_at: str
    signatures: tuple[SignatureAnswer, ...]
