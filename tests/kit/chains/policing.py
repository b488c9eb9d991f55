"""Cases of certificate policies, mappings and what requires or inhibits them."""

from collections.abc import Iterator

from appliance.asn1 import oids
from appliance.pki.validation.verdict import Code
from kit.chains.case import BOUNCYCASTLE, Case
from kit.chains.making import Kind, Subject

ANY = oids.ANY_POLICY
P1, P2, P3, P4 = (f"2.999.10.{number}" for number in range(1, 5))

Link = dict[str, object]


def _has(*policies: str, **more: object) -> Link:
    return {"policies": policies, **more}


_NONE: Link = {}
_REQUIRED = {"require_explicit": 0}

_TABLE: tuple[tuple[str, tuple[Link, ...], set[str], bool], ...] = (
    # what, the links from the top CA to the leaf, the policies asked for, whether one holds
    ("all of one, none asked", (_has(P1), _has(P1), _has(P1)), set(), True),
    ("all of one, asked", (_has(P1), _has(P1), _has(P1)), {P1}, True),
    ("all of one, another asked", (_has(P1), _has(P1), _has(P1)), {P2}, False),
    ("one of two asked", (_has(P1, P2), _has(P2), _has(P2)), {P2, P3}, True),
    ("lost midway, asked", (_has(P1), _has(P2), _has(P1)), {P1}, False),
    ("lost midway, none asked", (_has(P1), _has(P2), _has(P1)), set(), True),
    ("leaf of another", (_has(P1), _has(P1), _has(P2)), {P1}, False),
    ("leaf of none, asked", (_has(P1), _has(P1), _NONE), {P1}, False),
    ("leaf of none, none asked", (_has(P1), _has(P1), _NONE), set(), True),
    ("none anywhere, asked", (_NONE, _NONE, _NONE), {P1}, False),
    ("none anywhere, any asked", (_NONE, _NONE, _NONE), {ANY}, False),
    ("any in the CAs", (_has(ANY), _has(ANY), _has(P1)), {P1}, True),
    ("any in the CAs, another asked", (_has(ANY), _has(ANY), _has(P1)), {P2}, False),
    ("any throughout", (_has(ANY), _has(ANY), _has(ANY)), {P1}, True),
    ("any in the leaf", (_has(P1), _has(P1), _has(ANY)), {P1}, True),
    ("any in the leaf, another asked", (_has(P1), _has(P1), _has(ANY)), {P2}, False),
    ("any asked of all of one", (_has(P1), _has(P1), _has(P1)), {ANY}, True),
    ("any midway", (_has(P1), _has(ANY), _has(P1)), {P1}, True),
    ("required, all of one", (_has(P1, **_REQUIRED), _has(P1), _has(P1)), set(), True),
    ("required, leaf of none", (_has(P1, **_REQUIRED), _has(P1), _NONE), set(), False),
    ("required, lost midway", (_has(P1, **_REQUIRED), _has(P2), _has(P1)), set(), False),
    ("required at once by the leaf", (_has(P1), _has(P2), _has(P1, **_REQUIRED)), set(), False),
    ("required by the leaf later", (_has(P1), _NONE, _has(P1, require_explicit=1)), set(), True),
    ("required after 1, lost", (_has(P1, require_explicit=1), _has(P1), _NONE), set(), False),
    ("required after 2, lost", (_has(P1, require_explicit=2), _has(P1), _NONE), set(), False),
    ("required after 3, lost", (_has(P1, require_explicit=3), _has(P1), _NONE), set(), True),
    ("required after 5, lost", (_has(P1, require_explicit=5), _has(P1), _NONE), set(), True),
    ("inhibited any in the leaf", (_has(P1, inhibit_any=0), _has(P1), _has(ANY)), {P1}, False),
    ("inhibited any midway", (_has(P1, inhibit_any=0), _has(ANY), _has(P1)), {P1}, False),
    ("inhibited any after 1", (_has(P1, inhibit_any=1), _has(ANY), _has(P1)), {P1}, True),
    ("inhibited any after 1, used 2", (_has(P1, inhibit_any=1), _has(ANY), _has(ANY)), {P1}, False),
    ("inhibited any beside one", (_has(P1, inhibit_any=0), _has(P1, ANY), _has(P1)), {P1}, True),
    ("mapped", (_has(P1, mappings=((P1, P2),)), _has(P2), _has(P2)), {P1}, True),
    ("mapped, the new asked", (_has(P1, mappings=((P1, P2),)), _has(P2), _has(P2)), {P2}, False),
    ("mapped, the old kept", (_has(P1, mappings=((P1, P2),)), _has(P1), _has(P1)), {P1}, False),
    (
        "mapped twice",
        (_has(P1, mappings=((P1, P2),)), _has(P2, mappings=((P2, P3),)), _has(P3)),
        {P1},
        True,
    ),
    ("mapped to two", (_has(P1, mappings=((P1, P2), (P1, P3))), _has(P3), _has(P3)), {P1}, True),
    (
        "mapped from two",
        (_has(P1, P2, mappings=((P1, P3), (P2, P3))), _has(P3), _has(P3)),
        {P2},
        True,
    ),
    ("mapped out of any", (_has(ANY, mappings=((P1, P2),)), _has(P2), _has(P2)), {P1}, True),
    (
        "mapped out of any, the new asked",
        (_has(ANY, mappings=((P1, P2),)), _has(P2), _has(P2)),
        {P2},
        False,
    ),
    ("mapped what is not there", (_has(P1, mappings=((P4, P2),)), _has(P1), _has(P1)), {P1}, True),
    ("mapped to any", (_has(P1, mappings=((P1, ANY),)), _has(P1), _has(P1)), {P1}, False),
    ("mapped from any", (_has(P1, mappings=((ANY, P1),)), _has(P1), _has(P1)), {P1}, False),
    ("mapped, then any", (_has(P1, mappings=((P1, P2),)), _has(ANY), _has(P2)), {P1}, True),
    (
        "mapping inhibited below",
        (_has(P1, inhibit_mapping=0), _has(P1, mappings=((P1, P2),)), _has(P2)),
        {P1},
        False,
    ),
    (
        "mapping inhibited after 1",
        (_has(P1, inhibit_mapping=1), _has(P1, mappings=((P1, P2),)), _has(P2)),
        {P1},
        True,
    ),
    (
        "mapping inhibited, another kept",
        (_has(P1, P3, inhibit_mapping=0), _has(P1, P3, mappings=((P1, P2),)), _has(P3)),
        {P3},
        True,
    ),
    ("a leaf that maps", (_has(P1), _has(P1), _has(P1, mappings=((P1, P2),))), {P1}, True),
)

DIFFERS = {
    "mapped from two": {
        BOUNCYCASTLE: "RFC 5280 6.1.3 (d) (1) (i): a child below each that expects it"
    }
}


def cases() -> Iterator[Case]:
    """Give them all."""
    root = Subject.root(Kind.P256)
    given = Case(name="", leaf=root, roots=[root], expected=Code.VALID)
    for name, (top, middle, last), asked, holds in _TABLE:
        ca = root.ca("CA", **top)
        below = ca.ca("Below", **middle)
        yield given.but(
            name=f"policies: {name}",
            leaf=below.leaf(**last),
            intermediates=[ca, below],
            policies=frozenset(asked),
            expected=Code.VALID if holds else Code.POLICY,
            differs=DIFFERS.get(name, {}),
        )
    ca = root.ca("CA", policies=(P1,), inhibit_any=0)
    again = ca.ca("CA", policies=(ANY,))
    yield given.but(
        name="policies: inhibited any lets the self-issued pass",
        leaf=again.leaf(policies=(P1,)),
        intermediates=[ca, again],
        policies=frozenset({P1}),
    )
    ca = root.ca("CA", policies=(P1,), require_explicit=2)
    again = ca.ca("CA", policies=(P1,))
    yield given.but(
        name="policies: the self-issued does not count down",
        leaf=again.leaf(),
        intermediates=[ca, again],
    )
