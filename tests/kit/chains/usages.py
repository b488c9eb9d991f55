"""Cases of key usage and extended key usage, of the leaf and along the chain."""

from collections.abc import Iterator

from appliance.asn1 import oids
from appliance.pki.validation.purposes import Purpose
from appliance.pki.validation.verdict import Code
from kit.chains.case import BOUNCYCASTLE, OPENSSL, Case
from kit.chains.making import CA, Kind, Subject, but

SERVER, CLIENT, EMAIL = oids.SERVER_AUTH, oids.CLIENT_AUTH, oids.EMAIL_PROTECTION
STAMPING, OCSP, ANY = oids.TIME_STAMPING, oids.OCSP_SIGNING, oids.ANY_EXTENDED_KEY_USAGE
SIGN, ENCIPHER, AGREE = "digital_signature", "key_encipherment", "key_agreement"
COMMIT = "content_commitment"

_VALID, _USAGE, _EXTENDED = Code.VALID, Code.BAD_KEY_USAGE, Code.BAD_EXTENDED_KEY_USAGE

NO_CHAIN = "RFC 5280 6.1 looks at no extKeyUsage of a CA; OpenSSL, browsers and we do"
ANY_LEAF = "RFC 5280 4.2.1.12: a purpose may be asked for by name; OpenSSL and we do"
ALL_BITS = "the JDK's X509CertSelector asks for all the bits it is given"
LEAF_ONLY = "the JDK's X509CertSelector knows neither what must be stated nor what must be alone"
MORE_BITS = "the JDK's X509CertSelector forbids no bit; RFC 3161 2.3 and OpenSSL do"
OCSP_LAX = "OpenSSL's ocsphelper asks nothing of a leaf; RFC 6960 4.2.2.2 does"
NO_ANY_CA = "OpenSSL takes anyExtendedKeyUsage of a CA for no purpose; RFC 5280 4.2.1.12 for any"
NO_TSA_CHAIN = "for time stamping OpenSSL looks at no extKeyUsage of a CA"
DEVICE_ASKED = "a device may serve or call; the others are asked about calling"
PERSON_ASKED = "a person may sign under more purposes; the others are asked about mail"

_LEAVES: tuple[tuple[Purpose, str | None, tuple[str, ...], Code, dict[str, str]], ...] = (
    (Purpose.SERVER, SIGN, (SERVER,), _VALID, {}),
    (Purpose.SERVER, SIGN, (SERVER, CLIENT), _VALID, {}),
    (Purpose.SERVER, SIGN, (), _VALID, {}),
    (Purpose.SERVER, None, (SERVER,), _VALID, {}),
    (Purpose.SERVER, ENCIPHER, (SERVER,), _VALID, {BOUNCYCASTLE: ALL_BITS}),
    (Purpose.SERVER, AGREE, (SERVER,), _VALID, {BOUNCYCASTLE: ALL_BITS}),
    (Purpose.SERVER, SIGN, (CLIENT,), _EXTENDED, {}),
    (Purpose.SERVER, SIGN, (ANY,), _EXTENDED, {BOUNCYCASTLE: ANY_LEAF}),
    (Purpose.SERVER, COMMIT, (SERVER,), _USAGE, {}),
    (Purpose.CLIENT, SIGN, (CLIENT,), _VALID, {}),
    (Purpose.CLIENT, SIGN, (), _VALID, {}),
    (Purpose.CLIENT, SIGN, (SERVER,), _EXTENDED, {}),
    (Purpose.CLIENT, SIGN, (ANY,), _EXTENDED, {BOUNCYCASTLE: ANY_LEAF}),
    (Purpose.CLIENT, ENCIPHER, (CLIENT,), _USAGE, {}),
    (Purpose.DEVICE, SIGN, (CLIENT,), _VALID, {}),
    (Purpose.DEVICE, SIGN, (SERVER, CLIENT), _VALID, {}),
    (
        *(Purpose.DEVICE, SIGN, (SERVER,), _VALID),
        dict.fromkeys((OPENSSL, BOUNCYCASTLE), DEVICE_ASKED),
    ),
    (Purpose.DEVICE, SIGN, (EMAIL,), _EXTENDED, {}),
    (Purpose.DEVICE, COMMIT, (CLIENT,), _USAGE, {}),
    (Purpose.PERSON, SIGN, (EMAIL,), _VALID, {}),
    (Purpose.PERSON, f"{SIGN} {COMMIT}", (EMAIL,), _VALID, {}),
    (Purpose.PERSON, COMMIT, (EMAIL,), _VALID, {BOUNCYCASTLE: ALL_BITS}),
    (Purpose.PERSON, SIGN, (), _VALID, {}),
    (
        *(Purpose.PERSON, SIGN, (CLIENT,), _VALID),
        dict.fromkeys((OPENSSL, BOUNCYCASTLE), PERSON_ASKED),
    ),
    (Purpose.PERSON, SIGN, (SERVER,), _EXTENDED, {}),
    (Purpose.PERSON, ENCIPHER, (EMAIL,), _USAGE, {}),
    (Purpose.OCSP, SIGN, (OCSP,), _VALID, {}),
    (Purpose.OCSP, SIGN, (SERVER,), _EXTENDED, {OPENSSL: OCSP_LAX}),
    (Purpose.OCSP, SIGN, (), _EXTENDED, {OPENSSL: OCSP_LAX, BOUNCYCASTLE: LEAF_ONLY}),
    (Purpose.OCSP, ENCIPHER, (OCSP,), _USAGE, {OPENSSL: OCSP_LAX}),
    (Purpose.TIMESTAMPING, SIGN, (STAMPING,), _VALID, {}),
    (Purpose.TIMESTAMPING, f"{SIGN} {COMMIT}", (STAMPING,), _VALID, {}),
    (Purpose.TIMESTAMPING, SIGN, (), _EXTENDED, {BOUNCYCASTLE: LEAF_ONLY}),
    (Purpose.TIMESTAMPING, SIGN, (SERVER,), _EXTENDED, {}),
    (Purpose.TIMESTAMPING, SIGN, (STAMPING, SERVER), _EXTENDED, {BOUNCYCASTLE: LEAF_ONLY}),
    (Purpose.TIMESTAMPING, ENCIPHER, (STAMPING,), _USAGE, {}),
    (
        *(Purpose.TIMESTAMPING, f"{SIGN} {ENCIPHER}", (STAMPING,), _EXTENDED),
        {BOUNCYCASTLE: MORE_BITS},
    ),
)

_CHAINS: tuple[tuple[Purpose, tuple[str, ...], str, Code, dict[str, str]], ...] = (
    (Purpose.SERVER, (SERVER,), SERVER, _VALID, {}),
    (Purpose.SERVER, (SERVER, CLIENT), SERVER, _VALID, {}),
    (Purpose.SERVER, (ANY,), SERVER, _VALID, {OPENSSL: NO_ANY_CA}),
    (Purpose.SERVER, (CLIENT,), SERVER, _EXTENDED, {BOUNCYCASTLE: NO_CHAIN}),
    (Purpose.CLIENT, (CLIENT, EMAIL), CLIENT, _VALID, {}),
    (Purpose.CLIENT, (SERVER,), CLIENT, _EXTENDED, {BOUNCYCASTLE: NO_CHAIN}),
    (Purpose.PERSON, (EMAIL,), EMAIL, _VALID, {}),
    (Purpose.PERSON, (SERVER,), EMAIL, _EXTENDED, {BOUNCYCASTLE: NO_CHAIN}),
    (Purpose.TIMESTAMPING, (STAMPING,), STAMPING, _VALID, {}),
    (
        *(Purpose.TIMESTAMPING, (SERVER,), STAMPING, _EXTENDED),
        {OPENSSL: NO_TSA_CHAIN, BOUNCYCASTLE: NO_CHAIN},
    ),
)


def cases() -> Iterator[Case]:
    """Give them all."""
    root = Subject.root(Kind.P256)
    ca = root.ca("CA")
    given = Case(name="", leaf=root, roots=[root], intermediates=[ca], expected=_VALID)
    for purpose, usage, extended, code, differs in _LEAVES:
        stamps = purpose is Purpose.TIMESTAMPING
        leaf = ca.leaf(usage=usage, eku=extended, eku_critical=stamps)
        name = f"{purpose.value} with {usage} and {_said(extended)}"
        yield given.but(name=name, leaf=leaf, purpose=purpose, expected=code, differs=differs)
    mild = ca.leaf(eku=(STAMPING,))
    yield given.but(
        name="timestamping, not critical",
        leaf=mild,
        purpose=Purpose.TIMESTAMPING,
        expected=_EXTENDED,
        differs={BOUNCYCASTLE: LEAF_ONLY},
    )
    yield from _along_the_chain(given, root)


def _along_the_chain(given: Case, root: Subject) -> Iterator[Case]:
    for purpose, extended, own, code, differs in _CHAINS:
        ca = root.ca("CA", eku=extended)
        below = ca.ca("Below")
        stamps = purpose is Purpose.TIMESTAMPING
        yield given.but(
            name=f"{purpose.value} under a CA for {_said(extended)}",
            leaf=below.leaf(eku=(own,), eku_critical=stamps),
            intermediates=[ca, below],
            purpose=purpose,
            expected=code,
            differs=differs,
        )
    narrow = Subject.root(Kind.P256, knobs=but(CA, eku=(CLIENT,)))
    yield given.but(
        name="server under a root for clients",
        leaf=narrow.leaf(eku=(SERVER,)),
        roots=[narrow],
        intermediates=(),
        purpose=Purpose.SERVER,
        expected=_EXTENDED,
        differs={BOUNCYCASTLE: NO_CHAIN},
    )
    silent = root.ca("CA", usage=None)
    yield given.but(name="a CA without keyUsage", leaf=silent.leaf(), intermediates=[silent])


def _said(extended: tuple[str, ...]) -> str:
    words = {SERVER: "server", CLIENT: "client", EMAIL: "email", OCSP: "ocsp", ANY: "any"}
    return "+".join(words.get(oid, "stamping") for oid in extended) or "nothing"
