"""Documents signed by throw-away signers, and a validator of their certificates."""

import functools

from appliance.asn1.x509 import Certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import verify_signature
from appliance.pki.signatures.making import Signatory
from appliance.pki.validation.question import Material, Question, RevocationDemand
from appliance.pki.validation.validating import validate
from appliance.pki.validation.verdict import Validation
from kit.authority import STAMPED_AT, Subject, authority, signing

DOCUMENT = b"an operation record"
ENGINE = LibcryptoEngine()
VERIFY = functools.partial(verify_signature, ENGINE)


def signer(algorithm: KeyAlgorithm = KeyAlgorithm.SM2) -> Subject:
    """Give a signer directly under the session's root of its algorithm."""
    return authority(algorithm).tsa


def signatory(subject: Subject) -> Signatory:
    """Give a subject as one who signs."""
    return Signatory(subject.certificate, subject.key.algorithm, signing(subject.key))


def validated(certificate: Certificate) -> Validation:
    """Judge a certificate under the session's roots, revocation left out."""
    roots = [authority(each).root.certificate for each in KeyAlgorithm]
    question = Question(at=STAMPED_AT, now=STAMPED_AT, revocation=RevocationDemand.NONE)
    return validate(certificate, Material(roots=roots), question, VERIFY)
