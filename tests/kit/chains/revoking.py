"""Cases of revocation by lists, complete and delta."""

from collections.abc import Iterator

import attrs
from cryptography import x509
from cryptography.x509 import ReasonFlags

from appliance.pki.validation.question import RevocationDemand
from appliance.pki.validation.verdict import Code
from kit.chains.case import BOUNCYCASTLE, Case
from kit.chains.making import AT, CA, DAY, Kind, Subject, but, new_key, raw, revocation_list

_DELTA = "http://crl.example/delta.crl"
_UNKNOWN = (raw("2.999.1", b"\x05\x00"), True)


def cases() -> Iterator[Case]:
    """Give them all."""
    for kind in (Kind.P256, Kind.RSA):
        for case in _lists(kind):
            yield case.but(name=f"lists: {case.name} ({kind})")
    for case in _deltas():
        yield case.but(name=f"delta lists: {case.name}")


def _family(kind: str) -> tuple[Subject, Subject, Subject, Subject, Case]:
    root = Subject.root(kind)
    ca = root.ca("CA")
    below = ca.ca("Below")
    leaf = below.leaf()
    case = Case(
        name="",
        leaf=leaf,
        roots=[root],
        intermediates=[ca, below],
        demand=RevocationDemand.CHAIN,
        expected=Code.VALID,
    )
    return root, ca, below, leaf, case


def _lists(kind: str) -> Iterator[Case]:
    root, ca, below, leaf, given = _family(kind)
    tops = (revocation_list(root), revocation_list(ca))
    good = revocation_list(below)
    yield given.but(name="nobody is revoked", crls=(*tops, good))
    yield given.but(
        name="four tiers of lists among others",
        crls=(revocation_list(Subject.root(kind, "Other")), good, *reversed(tops)),
    )
    for reason, code in (
        (None, Code.REVOKED),
        (ReasonFlags.key_compromise, Code.REVOKED),
        (ReasonFlags.superseded, Code.REVOKED),
        (ReasonFlags.cessation_of_operation, Code.REVOKED),
        (ReasonFlags.certificate_hold, Code.ON_HOLD),
    ):
        bad = revocation_list(below, entries=[(leaf, reason)])
        why = "no reason" if reason is None else reason.value
        yield given.but(name=f"leaf revoked: {why}", crls=(*tops, bad), expected=code)
    other = revocation_list(below, entries=[(ca, None)])
    yield given.but(name="another's number", crls=(*tops, other))
    bad = revocation_list(ca, entries=[(below, None)])
    yield given.but(
        name="intermediate revoked",
        crls=(tops[0], bad, good),
        expected=Code.REVOKED,
    )
    bad = revocation_list(root, entries=[(ca, None)])
    yield given.but(name="topmost revoked", crls=(bad, tops[1], good), expected=Code.REVOKED)
    stale = revocation_list(below, this_update=AT - 9 * DAY, next_update=AT - DAY)
    yield given.but(name="stale", crls=(*tops, stale), expected=Code.CRL_STALE)
    yield given.but(name="stale and a newer one", crls=(*tops, stale, good))
    early = revocation_list(below, this_update=AT + DAY, next_update=AT + 9 * DAY)
    nothing = Code.NO_REVOCATION_DATA
    yield given.but(
        name="of the future",
        crls=(*tops, early),
        expected=nothing,
        differs={BOUNCYCASTLE: "RFC 5280 6.3.3 looks at nextUpdate alone; OpenSSL and we at both"},
    )
    yield given.but(name="none of the leaf's", crls=tops, expected=nothing)
    yield given.but(name="none of the root's", crls=(tops[1], good), expected=nothing)
    thief = attrs.evolve(below, key=new_key(kind))
    forged = revocation_list(thief)
    yield given.but(name="forged", crls=(*tops, forged), expected=nothing)
    strange = revocation_list(below, extra=(_UNKNOWN,))
    yield given.but(name="unknown critical extension", crls=(*tops, strange), expected=nothing)
    cas_only = revocation_list(below, point=_point(only_contains_ca_certs=True))
    yield given.but(name="of CAs only", crls=(*tops, cas_only), expected=nothing)
    users_only = revocation_list(below, point=_point(only_contains_user_certs=True))
    yield given.but(name="of users only", crls=(*tops, users_only))
    mute = root.issue("CA", but(CA, usage="key_cert_sign"))
    yield given.but(
        name="by a CA that may not sign lists",
        leaf=mute.leaf(),
        intermediates=[mute],
        crls=(tops[0], revocation_list(mute)),
        expected=nothing,
    )


def _deltas() -> Iterator[Case]:
    root, ca, below, _, given = _family(Kind.P256)
    # OpenSSL looks for delta lists where the certificate names one.
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(_DELTA)], None, None, None)
    leaf = below.leaf(extra=((x509.FreshestCRL([point]), False),))
    given = given.but(leaf=leaf)
    tops = (revocation_list(root), revocation_list(ca))
    base = revocation_list(below, number=5)
    held = revocation_list(below, number=5, entries=[(leaf, ReasonFlags.certificate_hold)])
    old = revocation_list(below, number=5, this_update=AT - 9 * DAY, next_update=AT - DAY)
    empty = revocation_list(below, number=6, base=5)
    freshest = revocation_list(
        below, number=7, base=5, entries=[(leaf, ReasonFlags.key_compromise)]
    )
    lifted = revocation_list(below, number=7, base=5, entries=[(leaf, ReasonFlags.remove_from_crl)])
    gap = revocation_list(below, number=9, base=8, entries=[(leaf, ReasonFlags.remove_from_crl)])
    yield given.but(name="nothing new", crls=(*tops, base, empty))
    yield given.but(name="revoked since", crls=(*tops, base, freshest), expected=Code.REVOKED)
    yield given.but(name="on hold", crls=(*tops, held, empty), expected=Code.ON_HOLD)
    yield given.but(name="hold lifted", crls=(*tops, held, lifted))
    yield given.but(name="a gap", crls=(*tops, held, gap), expected=Code.ON_HOLD)
    yield given.but(
        name="a stale base",
        crls=(*tops, old, empty),
        differs={BOUNCYCASTLE: "RFC 5280 5.2.4: with its delta it is a list of the delta's age"},
    )
    nothing = Code.NO_REVOCATION_DATA
    yield given.but(name="no base", crls=(*tops, empty), expected=nothing)


def _point(**flags: bool) -> x509.IssuingDistributionPoint:
    silent = dict.fromkeys(
        (
            *("only_contains_user_certs", "only_contains_ca_certs"),
            *("indirect_crl", "only_contains_attribute_certs"),
        ),
        False,
    )
    return x509.IssuingDistributionPoint(
        full_name=None, relative_name=None, only_some_reasons=None, **{**silent, **flags}
    )
