"""A certificate and an intermediate, validated under a root as if every signature held."""

import functools

from kit.authority import STAMPED_AT, authority
from kit.fuzzing import Portions

from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.verifier import Verification
from appliance.errors import Malformed
from appliance.pki.path import Verify
from appliance.pki.validation.purposes import Purpose
from appliance.pki.validation.question import Material, Question, RevocationDemand
from appliance.pki.validation.validating import Validator
from appliance.pki.validation.verdict import Code

_NAMES = (None, "a.example.com", "192.0.2.7", "li@example.com")


def one_input(data: bytes) -> None:
    portions = Portions(data)
    choice = portions.number()
    try:
        top = decode_certificate(portions.block())
        middle = decode_certificate(portions.block())
        leaf = decode_certificate(portions.rest())
    except Malformed:
        return
    root = authority(KeyAlgorithm.P256).root.certificate
    question = Question(
        at=STAMPED_AT,
        now=STAMPED_AT,
        purpose=list(Purpose)[choice % len(Purpose)],
        name=_NAMES[choice // len(Purpose) % len(_NAMES)],
        policies=frozenset({"2.999.10.1"}) if choice & 0x80 else frozenset(),
        revocation=RevocationDemand.NONE,
    )
    given, turned = (
        Material(roots=[root, top], intermediates=intermediates)
        for intermediates in ((middle, top, leaf), (leaf, middle))
    )
    result = validator().validate(leaf, given, question)
    assert (result.at_fault is None) == (result.code is Code.VALID)
    assert result.chain[0] == leaf
    assert str(result).isprintable()
    assert validator().validate(leaf, turned, question) == result


@functools.cache
def validator() -> Validator:
    """Validate where all signatures hold: no fuzzer makes one."""
    verify: Verify = lambda *_: Verification.VALID  # noqa: E731  typed as what it stands for
    return Validator(verify)
