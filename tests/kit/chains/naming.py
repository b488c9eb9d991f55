"""Cases of the names a leaf is asked for: hosts, addresses, mailboxes."""

from collections.abc import Iterator
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID

from appliance.asn1 import oids
from appliance.pki.validation.purposes import Purpose
from appliance.pki.validation.verdict import Code
from kit.chains.case import BOUNCYCASTLE, OPENSSL, Case
from kit.chains.making import LEAF, Kind, Subject, but

NO_WILDCARD = "the JDK's X509CertSelector compares whole names; RFC 9525 6.3 has wildcards"
NO_CN = "RFC 9525 6.3: a CN is not looked at; OpenSSL still does where there is no DNS name"
LEGACY = "RFC 8550 3: emailAddress of the subject where subjectAltName has no mailbox"
LOCAL_CASE = "RFC 5280 7.5: the local part as it is written"


def dns(text: str) -> x509.GeneralName:
    """Give a dNSName."""
    return x509.DNSName(text)


def email(text: str) -> x509.GeneralName:
    """Give an rfc822Name."""
    return x509.RFC822Name(text)


def address(text: str) -> x509.GeneralName:
    """Give an iPAddress."""
    return x509.IPAddress(ip_address(text))


_JDK = {BOUNCYCASTLE: NO_WILDCARD}
_NAMES: tuple[tuple[tuple[x509.GeneralName, ...], str, bool, dict[str, str]], ...] = (
    ((dns("a.example.com"),), "a.example.com", True, {}),
    ((dns("A.Example.COM"),), "a.example.com", True, {}),
    ((dns("a.example.com"),), "A.EXAMPLE.COM", True, {}),
    ((dns("b.example.com"), dns("a.example.com")), "a.example.com", True, {}),
    ((dns("a.example.com"),), "b.example.com", False, {}),
    ((dns("example.com"),), "a.example.com", False, {}),
    ((dns("a.example.com"),), "example.com", False, {}),
    ((dns("*.example.com"),), "a.example.com", True, _JDK),
    ((dns("*.example.com"),), "a.b.example.com", False, {}),
    ((dns("*.example.com"),), "example.com", False, {}),
    ((dns("a*.example.com"),), "ab.example.com", False, {OPENSSL: "RFC 9525 6.3: no partial ones"}),
    ((dns("*.com"),), "example.com", False, {}),
    ((dns("a.*.example.com"),), "a.b.example.com", False, {}),
    ((dns("xn--fiqs8s.example.com"),), "xn--fiqs8s.example.com", True, {}),
    ((address("192.0.2.7"),), "192.0.2.7", True, {}),
    ((address("192.0.2.7"),), "192.0.2.8", False, {}),
    ((dns("192.0.2.7"),), "192.0.2.7", False, {}),
    ((address("2001:db8::7"),), "2001:db8:0:0::7", True, {}),
    ((address("2001:db8::7"),), "2001:db8::8", False, {}),
    ((email("li@example.com"),), "li@example.com", True, {}),
    ((email("li@Example.COM"),), "li@example.com", True, {}),
    ((email("li@example.com"),), "wang@example.com", False, {}),
    ((email("Li@example.com"),), "li@example.com", False, {BOUNCYCASTLE: LOCAL_CASE}),
    ((dns("example.com"),), "li@example.com", False, {}),
    ((email("li@example.com"),), "example.com", False, {}),
    ((), "host", False, {}),
)


def cases() -> Iterator[Case]:
    """Give them all."""
    root = Subject.root(Kind.P256)
    ca = root.ca("CA")
    given = Case(name="", leaf=root, roots=[root], intermediates=[ca], expected=Code.VALID)
    for san, asked, matches, differs in _NAMES:
        is_mail = "@" in asked
        leaf = ca.leaf(san=san, eku=(oids.EMAIL_PROTECTION if is_mail else oids.SERVER_AUTH,))
        held = ", ".join(f"{type(name).__name__} {name.value}" for name in san) or "nothing"
        yield given.but(
            name=f"{asked} asked of {held}",
            leaf=leaf,
            purpose=Purpose.PERSON if is_mail else Purpose.SERVER,
            asked=asked,
            expected=Code.VALID if matches else Code.NAME_MISMATCH,
            differs=differs,
        )
    named = ca.issue("host.example.com", but(LEAF, eku=(oids.SERVER_AUTH,)))
    yield given.but(
        name="a host in the CN alone",
        leaf=named,
        purpose=Purpose.SERVER,
        asked="host.example.com",
        expected=Code.NAME_MISMATCH,
        differs={OPENSSL: NO_CN},
    )
    mailbox = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "li@example.com")])
    yield given.but(
        name="a mailbox in the subject alone",
        leaf=ca.issue(mailbox),
        purpose=Purpose.PERSON,
        asked="li@example.com",
        differs={BOUNCYCASTLE: LEGACY},
    )
