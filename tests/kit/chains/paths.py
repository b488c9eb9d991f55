"""Cases of the shape of a chain: validity, signatures, names, key identifiers, lengths, loops."""

import datetime as dt
from collections.abc import Iterator

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from appliance.pki.validation.verdict import Code
from kit.chains.case import BOUNCYCASTLE, OPENSSL, Case
from kit.chains.making import (
    AT,
    CA,
    DAY,
    FROM,
    LEAF,
    TO,
    Kind,
    Subject,
    but,
    new_key,
    raw,
    version_1,
    with_extension_twice,
    with_flipped_signature,
)

PAST = {"start": FROM - 100 * DAY, "end": FROM}
FUTURE = {"start": AT + DAY, "end": TO}
UNKNOWN = (raw("2.999.1", b"\x05\x00"), True)
UNKNOWN_NOT_CRITICAL = (raw("2.999.1", b"\x05\x00"), False)

ANCHOR = "RFC 5280 6.1.1 (d): an anchor is a name and a key; we hold its certificate to its word"
ONE_CHAIN = "OpenSSL builds one chain by names and keys and judges it; RFC 5280 6 lets one go on"
SPELLING = "RFC 5280 7.1 wants UTF8 and Printable to match; BouncyCastle leaves the others out"
TWICE = "RFC 5280 4.2: a type stands once; OpenSSL asks only with -x509_strict"
UNREAD = "OpenSSL reads these only beside certificatePolicies; we read all that we know"
ENGINE = "our verifier knows SM2, P-256, P-384 and RSA of 2048 bits and more, with SHA-2 or SM3"


def cases() -> Iterator[Case]:
    """Give them all; the plain ones once with P-256 and once with RSA."""
    for kind in (Kind.P256, Kind.RSA):
        for case in _plain(kind):
            yield case.but(name=f"{case.name} ({kind})")
    yield from _lengths()
    yield from _identities()
    yield from _knots()
    yield from _odd()
    yield from _algorithms()


def line(kind: str, depth: int) -> list[Subject]:
    """Give a root and `depth` CAs, one under the other."""
    made = [Subject.root(kind)]
    for number in range(depth):
        made.append(made[-1].ca(f"CA {number}"))
    return made


def _plain(kind: str) -> Iterator[Case]:
    for depth in range(7):
        root, *cas = line(kind, depth)
        leaf = (cas or [root])[-1].leaf()
        name = f"{depth + 2} certificates"
        yield Case(name=name, leaf=leaf, roots=[root], intermediates=cas, expected=Code.VALID)
    root = Subject.root(kind)
    ca = root.ca("CA")
    leaf = ca.leaf()
    given = Case(name="", leaf=leaf, roots=[root], intermediates=[ca], expected=Code.VALID)
    yield given.but(name="noise", intermediates=[*line(kind, 3), ca, leaf, root])
    missing = {"intermediates": (), "expected": Code.UNKNOWN_ISSUER}
    yield given.but(name="missing intermediate", **missing)
    other = {"roots": [Subject.root(kind)], "expected": Code.UNKNOWN_ISSUER}
    yield given.but(name="another root of the same name", **other)
    broken = with_flipped_signature(leaf.der)
    yield given.but(name="leaf tampered", leaf=broken, expected=Code.TAMPERED)
    broken_ca = {"intermediates": [with_flipped_signature(ca.der)], "expected": Code.TAMPERED}
    yield given.but(name="intermediate tampered", **broken_ca)
    forged = Subject(ca.certificate, new_key(kind), kind).leaf(key_ids=False)
    yield given.but(name="another key signed", leaf=forged, expected=Code.TAMPERED)
    for when, change, code in (
        ("past", PAST, Code.EXPIRED),
        ("future", FUTURE, Code.NOT_YET_VALID),
    ):
        late = ca.leaf(**change)
        yield given.but(name=f"leaf of the {when}", leaf=late, expected=code)
        late_ca = root.ca("CA", **change)
        below = {"leaf": late_ca.leaf(), "intermediates": [late_ca], "expected": code}
        yield given.but(name=f"intermediate of the {when}", **below)
        late_root = Subject.root(kind, knobs=but(CA, **change))
        under = {"leaf": late_root.leaf(), "roots": [late_root], "expected": code}
        yield given.but(name=f"root of the {when}", **under, differs={BOUNCYCASTLE: ANCHOR})
    yield from _instants(given)


def _instants(given: Case) -> Iterator[Case]:
    inclusive = {OPENSSL: "RFC 5280 4.1.2.5: notAfter is included"}
    second = dt.timedelta(seconds=1)
    yield given.but(name="first second", at=FROM)
    yield given.but(name="second before", at=FROM - second, expected=Code.NOT_YET_VALID)
    yield given.but(name="last second", at=TO, differs=inclusive)
    yield given.but(name="second after", at=TO + second, expected=Code.EXPIRED)


def _lengths() -> Iterator[Case]:
    for limit in range(4):
        for below in range(5):
            root = Subject.root(Kind.P256)
            made = [root.ca("Top", path_len=limit)]
            for number in range(below):
                made.append(made[-1].ca(f"CA {number}"))
            yield Case(
                name=f"path length {limit} with {below} below",
                leaf=made[-1].leaf(),
                roots=[root],
                intermediates=made,
                expected=Code.VALID if below <= limit else Code.PATH_TOO_LONG,
            )
    tight = Subject.root(Kind.P256, knobs=but(CA, path_len=0))
    ca = tight.ca("CA")
    given = Case(
        name="the root's path length",
        leaf=ca.leaf(),
        roots=[tight],
        intermediates=[ca],
        expected=Code.PATH_TOO_LONG,
        differs={BOUNCYCASTLE: ANCHOR},
    )
    yield given
    root = Subject.root(Kind.P256)
    ca = root.ca("CA", path_len=0)
    again = ca.ca("CA")
    self_issued = {"leaf": again.leaf(), "roots": [root], "intermediates": [ca, again]}
    yield given.but(
        name="self-issued is not counted", **self_issued, expected=Code.VALID, differs={}
    )
    last = {"leaf": ca.ca("Sub"), "roots": [root], "intermediates": [ca]}
    yield given.but(name="a CA as leaf", **last, expected=Code.VALID, differs={})
    root, *cas = line(Kind.P256, 7)
    yield Case(
        name="9 certificates",
        leaf=cas[-1].leaf(),
        roots=[root],
        intermediates=cas,
        expected=Code.PATH_TOO_LONG,
        differs=dict.fromkeys((OPENSSL, BOUNCYCASTLE), "our own bound of 8 certificates"),
    )


def _identities() -> Iterator[Case]:
    root = Subject.root(Kind.P256)
    ca = root.ca("CA")
    given = Case(name="", leaf=ca.leaf(), roots=[root], intermediates=[ca], expected=Code.VALID)
    bare_root = Subject.root(Kind.P256, knobs=but(CA, key_ids=False))
    bare_ca = bare_root.ca("CA", key_ids=False)
    bare = {"leaf": bare_ca.leaf(key_ids=False), "roots": [bare_root], "intermediates": [bare_ca]}
    yield given.but(name="no key identifiers", **bare)
    wrong = x509.AuthorityKeyIdentifier(b"\x55" * 20, None, None)
    yield given.but(
        name="wrong key identifier", leaf=ca.leaf(aki=wrong), expected=Code.UNKNOWN_ISSUER
    )
    by_number = x509.AuthorityKeyIdentifier(
        None, [x509.DirectoryName(root.certificate.subject)], 77
    )
    yield given.but(
        name="wrong authorityCertSerialNumber",
        leaf=ca.leaf(aki=by_number),
        differs={OPENSSL: "RFC 5280 4.2.1.1 helps to find an issuer; 6.1 does not ask for it"},
    )
    for name, spelling, kind in (
        ("in capitals", "CORPUS CA", _ASN1Type.UTF8String),
        ("spaced out", "  Corpus   CA ", _ASN1Type.UTF8String),
        ("printable", "Corpus CA", _ASN1Type.PrintableString),
        ("as BMPString", "Corpus CA", _ASN1Type.BMPString),
    ):
        held = root.ca(_common_name("Corpus CA", _ASN1Type.UTF8String))
        alias = attrs.evolve(
            held, certificate=root.issue(_common_name(spelling, kind), CA).certificate
        )
        below = alias.leaf()
        differs = {BOUNCYCASTLE: SPELLING} if kind is _ASN1Type.BMPString else {}
        yield given.but(
            name=f"issuer's name {name}",
            leaf=below,
            intermediates=[held],
            differs=differs,
        )
    other = attrs.evolve(ca, certificate=root.issue("CB", CA).certificate).leaf()
    yield given.but(name="another issuer's name", leaf=other, expected=Code.UNKNOWN_ISSUER)
    nameless = ca.issue(
        x509.Name([]),
        but(LEAF, extra=((x509.SubjectAlternativeName([x509.DNSName("a.example")]), True),)),
    )
    yield given.but(name="empty subject", leaf=nameless)
    yield given.but(name="a trusted leaf", leaf=root, intermediates=())


def _common_name(text: str, kind: _ASN1Type) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text, kind)])


def _knots() -> Iterator[Case]:
    root = Subject.root(Kind.P256)
    key = new_key(Kind.P256)
    good = root.issue("CA", CA, key)
    leaf = good.leaf()
    given = Case(name="", leaf=leaf, roots=[root], intermediates=[good], expected=Code.VALID)
    for name, change in (
        ("expired", PAST),
        ("not yet valid", FUTURE),
        ("not a CA", {"ca": False, "usage": "digital_signature"}),
        ("without basicConstraints", {"ca": None}),
        ("that may not sign", {"usage": "crl_sign"}),
        ("of an unknown critical extension", {"extra": (UNKNOWN,)}),
    ):
        bad = root.issue("CA", but(CA, **change), key)
        differs = {} if change in (PAST, FUTURE) else {OPENSSL: ONE_CHAIN}
        yield given.but(name=f"beside one {name}", intermediates=[bad, good], differs=differs)
        yield given.but(
            name=f"only one {name}",
            intermediates=[bad],
            expected={
                "expired": Code.EXPIRED,
                "not yet valid": Code.NOT_YET_VALID,
                "not a CA": Code.NOT_A_CA,
                "without basicConstraints": Code.NOT_A_CA,
                "that may not sign": Code.BAD_KEY_USAGE,
            }.get(name, Code.UNSUPPORTED_CRITICAL_EXTENSION),
        )
    namesake = root.issue("CA", CA)
    yield given.but(name="beside a namesake", intermediates=[namesake, good])
    other_root = Subject.root(Kind.P256, "Other root")
    crossed = other_root.issue("CA", CA, key)
    yield given.but(
        name="crossed",
        roots=[other_root],
        intermediates=[good, crossed],
        differs={OPENSSL: ONE_CHAIN},
    )
    bridge = other_root.issue("Root", CA, root.key)
    yield given.but(name="bridged", roots=[other_root], intermediates=[good, bridge])
    new_root_key = new_key(Kind.P256)
    new_root = Subject.root(Kind.P256, key=new_root_key)
    rolled = new_root.issue("Root", CA, root.key)
    yield given.but(name="old with new", roots=[new_root], intermediates=[good, rolled])
    a_key, b_key = new_key(Kind.P256), new_key(Kind.P256)
    a = Subject(root.issue("A", CA, a_key).certificate, a_key, Kind.P256)
    b = Subject(root.issue("B", CA, b_key).certificate, b_key, Kind.P256)
    loop = [b.issue("A", CA, a_key), a.issue("B", CA, b_key)]
    yield given.but(name="a loop", leaf=a.leaf(), intermediates=loop, expected=Code.UNKNOWN_ISSUER)
    yield given.but(
        name="a loop with a way out",
        leaf=a.leaf(),
        intermediates=[*loop, b],
        differs={OPENSSL: ONE_CHAIN},
    )


def _odd() -> Iterator[Case]:
    root = Subject.root(Kind.P256)
    ca = root.ca("CA")
    given = Case(name="", leaf=ca.leaf(), roots=[root], intermediates=[ca], expected=Code.VALID)
    leaf = ca.leaf(extra=(UNKNOWN,))
    code = Code.UNSUPPORTED_CRITICAL_EXTENSION
    yield given.but(name="unknown critical in the leaf", leaf=leaf, expected=code)
    odd_root = Subject.root(Kind.P256, knobs=but(CA, extra=(UNKNOWN,)))
    yield given.but(
        name="unknown critical in the root",
        leaf=odd_root.leaf(),
        roots=[odd_root],
        expected=code,
        differs={BOUNCYCASTLE: ANCHOR},
    )
    known = ca.leaf(extra=(UNKNOWN_NOT_CRITICAL,))
    yield given.but(name="unknown, not critical", leaf=known)
    yield given.but(name="v1 leaf", leaf=version_1(ca.leaf(), ca))
    old_ca = {"intermediates": [version_1(ca, root)], "expected": Code.NOT_A_CA}
    yield given.but(name="v1 intermediate", **old_ca)
    yield given.but(
        name="v1 root",
        roots=[version_1(root, root)],
        expected=Code.NOT_A_CA,
        differs=dict.fromkeys((OPENSSL, BOUNCYCASTLE), ANCHOR),
    )
    twice = with_extension_twice(ca.leaf(extra=(UNKNOWN_NOT_CRITICAL,)), ca)
    yield given.but(name="an extension twice", leaf=twice, expected=None, differs={OPENSSL: TWICE})
    for name, oid in (
        ("nameConstraints", "2.5.29.30"),
        ("certificatePolicies", "2.5.29.32"),
        ("policyMappings", "2.5.29.33"),
        ("policyConstraints", "2.5.29.36"),
        ("inhibitAnyPolicy", "2.5.29.54"),
        ("subjectAltName", "2.5.29.17"),
    ):
        bad_ca = root.ca("CA", extra=((raw(oid, b"\x04\x01\x00"), True),))
        yield given.but(
            name=f"ill-formed {name}",
            leaf=bad_ca.leaf(),
            intermediates=[bad_ca],
            expected=Code.MALFORMED_EXTENSION,
            differs={OPENSSL: UNREAD} if name in ("policyMappings", "inhibitAnyPolicy") else {},
        )


def _algorithms() -> Iterator[Case]:
    p384 = Subject.root(Kind.P256, key=ec.generate_private_key(ec.SECP384R1()))
    given = Case(
        name="P-384", leaf=p384.leaf(digest=hashes.SHA384()), roots=[p384], expected=Code.VALID
    )
    yield given
    rsa_ca = p384.issue("RSA CA", CA, new_key(Kind.RSA))
    yield given.but(name="mixed", leaf=rsa_ca.leaf(), intermediates=[rsa_ca])
    both = dict.fromkeys((OPENSSL, BOUNCYCASTLE), ENGINE)
    for name, key, differs in (
        ("RSA-1024", rsa.generate_private_key(65537, 1024), {BOUNCYCASTLE: ENGINE}),
        ("secp256k1", ec.generate_private_key(ec.SECP256K1()), both),
        ("Ed25519", ed25519.Ed25519PrivateKey.generate(), both),
    ):
        root = Subject.root(Kind.P256, key=key)
        yield given.but(
            name=name,
            leaf=root.leaf(),
            roots=[root],
            expected=Code.UNSUPPORTED_ALGORITHM,
            differs=differs,
        )
