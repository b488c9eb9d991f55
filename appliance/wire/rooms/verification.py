"""Verification: of signatures and certificates in the box's own words, and in GB/T 38629's."""

from __future__ import annotations

import functools

import msgspec

from appliance.services.registration.accounts import Role
from appliance.services.verification.operation_shapes import (
    FORM,
    JSON,
    ExportCertRequest,
    ParseCertRequest,
    ValidateCertRequest,
    VerifySignedDataRequest,
    VerifySignedMessageRequest,
)
from appliance.services.verification.operation_shapes import Answer as OperationAnswer
from appliance.services.verification.operations import BodyHandler, Operations, operation_table
from appliance.services.verification.shapes import (
    CertificateAnswer,
    CertificateQuestion,
    SignatureQuestion,
    VerificationAnswer,
)
from appliance.wire.rest.table import EVERYONE, Answer, Call, File, Octets, Operation

BODY_OCTETS = 3 << 19
"""A document of 1 MiB in base64, and what goes with it, which are read in 4 ms.

A longer one is known by its digest.
"""

_USERS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR, Role.APPLICATION})
_BODIES = (JSON, FORM)
_SAID: dict[str, tuple[type[msgspec.Struct], str]] = {
    "ExportCert": (ExportCertRequest, "Give a certificate by its identifier"),
    "ParseCert": (ParseCertRequest, "Tell what a certificate holds, by item or whole"),
    "ValidateCert": (ValidateCertRequest, "Tell whether a certificate is good, by list or OCSP"),
    "VerifySignedData": (VerifySignedDataRequest, "Verify a bare signature over data"),
    "VerifySignedMessage": (VerifySignedMessageRequest, "Verify SignedData"),
}


class VerificationRoom:
    """The operations of verification; a bad signature is an answer, 200 as any verdict."""

    def __init__(self, operations: Operations, *, deadline_s: float) -> None:
        """`deadline_s` is for a body to come whole."""
        self._verifier = operations.verifier
        self._table = operation_table(operations)
        self._deadline_s = deadline_s

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="POST",
                path="/v1/verify",
                name="verifySignatures",
                summary="Verify signatures: raw, DER, PKCS#7 or CMS, by SM2, ECDSA or RSA",
                handler=self._signatures,
                roles=EVERYONE,
                body=SignatureQuestion,
                body_limit=BODY_OCTETS,
                deadline_s=self._deadline_s,
                gives=VerificationAnswer,
                fails=frozenset({422}),
                only_asks=True,
            ),
            Operation(
                method="POST",
                path="/v1/verify/certificate",
                name="verifyCertificate",
                summary="Tell what a certificate is worth: chain, time, purpose, revocation",
                handler=self._certificate,
                roles=EVERYONE,
                body=CertificateQuestion,
                body_limit=BODY_OCTETS,
                deadline_s=self._deadline_s,
                gives=CertificateAnswer,
                fails=frozenset({422}),
                only_asks=True,
            ),
            *(self._operation(name, *said) for name, said in _SAID.items()),
        ]

    def _operation(self, name: str, request: type[msgspec.Struct], summary: str) -> Operation:
        return Operation(
            method="POST",
            path=f"/v1/sof/{name}",
            name=f"sof{name}",
            summary=f"{summary} (GB/T 38629)",
            handler=functools.partial(_perform, self._table[name]),
            roles=_USERS,
            body=Octets(_BODIES, request),
            body_limit=BODY_OCTETS,
            deadline_s=self._deadline_s,
            gives=Octets(_BODIES, OperationAnswer),
            only_asks=True,
        )

    async def _signatures(self, call: Call) -> Answer:
        return Answer(await self._verifier.signatures(call.body))

    async def _certificate(self, call: Call) -> Answer:
        return Answer(await self._verifier.certificate(call.body))


async def _perform(handle: BodyHandler, call: Call) -> Answer:
    octets = await handle(call.body, call.media_type)
    return Answer(File(octets, media_type=call.media_type))
