"""Cases of name constraints, of each form."""

from collections.abc import Iterator
from ipaddress import ip_network

from cryptography import x509
from cryptography.x509.oid import NameOID

from appliance.pki.validation.verdict import Code
from kit.chains.case import BOUNCYCASTLE, OPENSSL, Case
from kit.chains.making import CA, LEAF, Kind, Subject, but, named
from kit.chains.naming import address, dns, email
from kit.chains.paths import ANCHOR

Names = tuple[x509.GeneralName, ...]

WILDCARD = "a wildcard stands for the host that is excluded; plain suffixes do not show it"
NO_IDS = "BouncyCastle reads no registeredID there; RFC 5280 4.2.1.10 asks only where one is used"


def net(text: str) -> x509.GeneralName:
    """Give an iPAddress with a mask."""
    return x509.IPAddress(ip_network(text))


def uri(text: str) -> x509.GeneralName:
    """Give a uniformResourceIdentifier."""
    return x509.UniformResourceIdentifier(text)


def directory(*parts: str) -> x509.GeneralName:
    """Give a directoryName: C, O, then OU."""
    kinds = (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
    pairs = zip(kinds, parts, strict=False)
    return x509.DirectoryName(x509.Name([x509.NameAttribute(*pair) for pair in pairs]))


_ID = x509.RegisteredID(x509.ObjectIdentifier("2.999.5"))

_TABLE: tuple[tuple[Names, Names, Names, bool, dict[str, str]], ...] = (
    # permitted, excluded, what the leaf holds, whether it may
    ((dns("example.com"),), (), (dns("example.com"),), True, {}),
    ((dns("example.com"),), (), (dns("a.example.com"),), True, {}),
    ((dns("example.com"),), (), (dns("a.b.example.com"),), True, {}),
    ((dns("example.com"),), (), (dns("A.EXAMPLE.com"),), True, {}),
    ((dns("example.com"),), (), (dns("badexample.com"),), False, {}),
    ((dns("example.com"),), (), (dns("example.org"),), False, {}),
    ((dns("example.com"),), (), (dns("com"),), False, {}),
    ((dns("example.com"),), (), (dns("a.example.com"), dns("b.example.org")), False, {}),
    ((dns("example.com"), dns("example.org")), (), (dns("b.example.org"),), True, {}),
    ((dns("example.com"),), (), (email("li@example.org"),), True, {}),
    ((dns("example.com"),), (), (dns("*.example.com"),), True, {}),
    ((dns("a.example.com"),), (), (dns("*.example.com"),), False, {}),
    ((), (dns("example.com"),), (dns("example.org"),), True, {}),
    ((), (dns("example.com"),), (dns("example.com"),), False, {}),
    ((), (dns("example.com"),), (dns("a.example.com"),), False, {}),
    ((), (dns("example.com"),), (dns("badexample.com"),), True, {}),
    (
        *((), (dns("a.example.com"),), (dns("*.example.com"),), False),
        dict.fromkeys((OPENSSL, BOUNCYCASTLE), WILDCARD),
    ),
    ((dns("example.com"),), (dns("b.example.com"),), (dns("a.example.com"),), True, {}),
    ((dns("example.com"),), (dns("b.example.com"),), (dns("b.example.com"),), False, {}),
    ((dns(".example.com"),), (), (dns("a.example.com"),), True, {}),
    ((email("example.com"),), (), (email("li@example.com"),), True, {}),
    ((email("example.com"),), (), (email("li@EXAMPLE.com"),), True, {}),
    ((email("example.com"),), (), (email("li@a.example.com"),), False, {}),
    ((email("example.com"),), (), (email("li@example.org"),), False, {}),
    ((email(".example.com"),), (), (email("li@a.example.com"),), True, {}),
    ((email(".example.com"),), (), (email("li@a.b.example.com"),), True, {}),
    ((email(".example.com"),), (), (email("li@example.com"),), False, {}),
    ((email("li@example.com"),), (), (email("li@example.com"),), True, {}),
    ((email("li@example.com"),), (), (email("wang@example.com"),), False, {}),
    ((), (email("example.com"),), (email("li@example.com"),), False, {}),
    ((), (email("example.com"),), (email("li@example.org"),), True, {}),
    ((), (email(".example.com"),), (email("li@a.example.com"),), False, {}),
    ((), (email("li@example.com"),), (email("li@example.com"),), False, {}),
    ((), (email("li@example.com"),), (email("wang@example.com"),), True, {}),
    ((uri("example.com"),), (), (uri("https://example.com/a"),), True, {}),
    ((uri("example.com"),), (), (uri("https://a.example.com/"),), False, {}),
    ((uri(".example.com"),), (), (uri("https://a.example.com/"),), True, {}),
    ((uri(".example.com"),), (), (uri("https://example.com/"),), False, {}),
    ((uri("example.com"),), (), (uri("https://example.com:8443/a?b"),), True, {}),
    ((uri("example.com"),), (), (uri("https://EXAMPLE.com/"),), True, {}),
    ((uri("example.com"),), (), (uri("https://example.org/"),), False, {}),
    ((uri("example.com"),), (), (uri("https://192.0.2.7/"),), False, {}),
    ((uri("example.com"),), (), (uri("urn:example:a"),), False, {}),
    ((), (uri("example.com"),), (uri("https://example.com/"),), False, {}),
    ((), (uri("example.com"),), (uri("https://example.org/"),), True, {}),
    ((), (uri(".example.com"),), (uri("https://a.example.com/"),), False, {}),
    ((net("192.0.2.0/24"),), (), (address("192.0.2.7"),), True, {}),
    ((net("192.0.2.0/24"),), (), (address("192.0.3.7"),), False, {}),
    ((net("192.0.2.0/24"),), (), (address("2001:db8::1"),), False, {}),
    ((net("0.0.0.0/0"),), (), (address("192.0.2.7"),), True, {}),
    ((), (net("0.0.0.0/0"),), (address("192.0.2.7"),), False, {}),
    ((), (net("192.0.2.0/24"),), (address("192.0.2.7"),), False, {}),
    ((), (net("192.0.2.0/24"),), (address("192.0.3.7"),), True, {}),
    ((net("2001:db8::/32"),), (), (address("2001:db8::7"),), True, {}),
    ((net("2001:db8::/32"),), (), (address("2001:db9::7"),), False, {}),
    ((), (net("2001:db8::/32"),), (address("2001:db8::7"),), False, {}),
    ((net("192.0.2.0/24"),), (net("192.0.2.128/25"),), (address("192.0.2.7"),), True, {}),
    ((net("192.0.2.0/24"),), (net("192.0.2.128/25"),), (address("192.0.2.200"),), False, {}),
    ((directory("CN", "Corpus"),), (), (), True, {}),
    ((directory("CN", "CORPUS"),), (), (), True, {}),
    ((directory("CN"),), (), (), True, {}),
    ((directory("CN", "Other"),), (), (), False, {}),
    ((directory("CN", "Corpus", "Ward"),), (), (), False, {}),
    ((), (directory("CN", "Other"),), (), True, {}),
    ((), (directory("CN", "Corpus"),), (), False, {}),
    ((), (directory("CN"),), (), False, {}),
    ((directory("CN", "Corpus"),), (), (directory("CN", "Corpus"),), True, {}),
    ((directory("CN", "Corpus"),), (), (directory("CN", "Other"),), False, {}),
    ((_ID,), (), (dns("example.com"),), True, {BOUNCYCASTLE: NO_IDS}),
    ((_ID,), (), (_ID,), False, {}),
    ((), (_ID,), (_ID,), False, {}),
)


def cases() -> Iterator[Case]:
    """Give them all."""
    root = Subject.root(Kind.P256)
    given = Case(name="", leaf=root, roots=[root], expected=Code.VALID)
    for permitted, excluded, held, may, differs in _TABLE:
        ca = root.ca("CA", permitted=permitted, excluded=excluded)
        yield given.but(
            name=f"{_said(held)} within {_said(permitted)} without {_said(excluded)}",
            leaf=ca.leaf(san=held),
            intermediates=[ca],
            expected=Code.VALID if may else Code.NAME_CONSTRAINTS,
            differs=differs,
        )
    yield from _along_the_chain(given, root)


def _along_the_chain(given: Case, root: Subject) -> Iterator[Case]:
    wide = root.ca("CA", permitted=(dns("example.com"),))
    for name, change, host, may in (
        ("narrowed", {"permitted": (dns("a.example.com"),)}, "a.example.com", True),
        ("narrowed away", {"permitted": (dns("a.example.com"),)}, "b.example.com", False),
        ("not widened", {"permitted": (dns("example.org"),)}, "a.example.org", False),
        ("no meeting", {"permitted": (dns("example.org"),)}, "a.example.com", False),
        ("excluded below", {"excluded": (dns("b.example.com"),)}, "b.example.com", False),
        ("not excluded below", {"excluded": (dns("b.example.com"),)}, "a.example.com", True),
        ("from two above", {}, "a.example.org", False),
    ):
        below = wide.ca("Below", **change)
        yield given.but(
            name=f"constraints {name}",
            leaf=below.leaf(san=(dns(host),)),
            intermediates=[wide, below],
            expected=Code.VALID if may else Code.NAME_CONSTRAINTS,
        )
    strange = root.ca("CA", permitted=(directory("CN", "Other"),))
    astray = strange.ca("Below")
    sub = strange.issue(directory("CN", "Other").value, CA)
    yield given.but(
        name="constraints bind the CA below",
        leaf=astray.issue(directory("CN", "Other", "Leaf").value, LEAF),
        intermediates=[strange, astray],
        expected=Code.NAME_CONSTRAINTS,
    )
    yield given.but(
        name="constraints hold for the CA below",
        leaf=sub.issue(directory("CN", "Other", "Leaf").value, LEAF),
        intermediates=[strange, sub],
    )
    yield from _special(given, root)


def _special(given: Case, root: Subject) -> Iterator[Case]:
    tight = Subject.root(Kind.P256, knobs=but(CA, permitted=(dns("example.com"),)))
    yield given.but(
        name="the root's constraints",
        leaf=tight.leaf(san=(dns("example.org"),)),
        roots=[tight],
        expected=Code.NAME_CONSTRAINTS,
        differs={BOUNCYCASTLE: f"{ANCHOR} (RFC 5937)"},
    )
    ca = root.ca("CA", permitted=(directory("CN", "Other"),))
    rolled = ca.ca("CA")
    leaf = rolled.issue(directory("CN", "Other", "Leaf").value)
    yield given.but(
        name="constraints pass over the self-issued",
        leaf=leaf,
        intermediates=[ca, rolled],
    )
    mailbox = x509.Name(
        [*named("Leaf"), x509.NameAttribute(NameOID.EMAIL_ADDRESS, "li@example.org")]
    )
    mail = root.ca("CA", permitted=(email("example.com"),))
    yield given.but(
        name="constraints bind emailAddress of the subject",
        leaf=mail.issue(mailbox),
        intermediates=[mail],
        expected=Code.NAME_CONSTRAINTS,
    )
    hosts = root.ca("CA", permitted=(dns("example.com"),))
    yield given.but(
        name="constraints leave the CN alone",
        leaf=hosts.issue("host.example.org", LEAF),
        intermediates=[hosts],
        differs={OPENSSL: "RFC 5280 4.2.1.10 speaks of dNSName; OpenSSL looks at a CN like one"},
    )


def _said(names: Names) -> str:
    return "+".join(f"{type(name).__name__} {_text(name)}" for name in names) or "nothing"


def _text(name: x509.GeneralName) -> str:
    value = name.value
    if isinstance(value, x509.Name):
        return value.rfc4514_string()
    return value.dotted_string if isinstance(value, x509.ObjectIdentifier) else str(value)
