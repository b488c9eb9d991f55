"""Authorities in a folder, with demo keys that are made once a session, and people who ask."""

import functools
import itertools
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import verify_signature
from appliance.pki.issuing import spki_of
from appliance.pki.requests import make_request
from appliance.quantities import US_PER_S, Utc
from appliance.services.certifying.authority import Issuer, Rules
from appliance.services.certifying.certifier import Certifier, Site, Tools
from appliance.services.certifying.journal import Journal
from appliance.services.certifying.messages import IssueAsk, IssueRefusal, RevokeAsk
from appliance.services.certifying.own import Own
from appliance.services.commissioning import Commissioner, Mode
from appliance.store.issued import IssuedIndex
from appliance.store.keyfiles import KeyFolder
from kit.authority import generate, signing
from kit.boxes import NOW, kek
from kit.ledgers import open_ledger

verify = functools.partial(verify_signature, LibcryptoEngine())
ALGORITHMS = (KeyAlgorithm.SM2, KeyAlgorithm.P256)
RULES = Rules("http://ca.example", 3, is_production=False)
FIELDS = {"uid": "1001", "name": "Ann Li", "organization": "Ward 7", "department": "Surgery"}
SM2 = "issuing-sm2"


@attrs.define
class Hands:
    """What a test turns: the time, and the wheel that random octets come from."""

    now: Utc = NOW
    starts: int = 0
    served: dict[str, Own] = attrs.Factory(dict)
    changed: list[bytes] = attrs.Factory(list)

    def pass_time(self, seconds: int) -> None:
        """Let time go by."""
        self.now = Utc(self.now.posix_us + seconds * US_PER_S)


@attrs.frozen
class Home:
    """A signer's folders, as far as authorities need them."""

    root: Path
    hands: Hands = attrs.Factory(Hands)
    mode: Mode = "demo"
    rules: Rules = RULES

    def folder(self, name: str) -> Path:
        """Give a folder, made where it is not there."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def index_path(self) -> Path:
        """The index of the journal."""
        return self.root / "issued.sqlite"

    def open(self) -> Certifier:
        """Start."""
        self.hands.starts += 1
        start_random = self.hands.starts.to_bytes(8, "big")
        certifier = Certifier(self.journal(), self.site(), self.tools(), start_random=start_random)
        certifier.begin(self.hands.now)
        return certifier

    def journal(self) -> Journal:
        """Open journal and index."""
        return Journal(open_ledger(self.folder("journal")), IssuedIndex.open(self.index_path))

    def site(self) -> Site:
        """Say where things are."""
        return Site(
            mode=self.mode,
            node=1,
            name="box of the tests",
            algorithms=ALGORITHMS if self.mode == "demo" else (),
            rules=self.rules,
            list_lifetime_s=86_400,
            certificates=self.folder("certificates"),
            published=self.folder("published"),
            custodians=self.folder("custodians"),
        )

    def tools(self) -> Tools:
        """Give real keys and a turned clock."""
        keys = KeyFolder(self.folder("keys"), kek(), LibcryptoEngine())
        return Tools(
            keys=keys,
            commissioner=Commissioner(
                keys, self.folder("certificates"), mode=self.mode, now=lambda: self.hands.now
            ),
            verify=verify,
            now=lambda: self.hands.now,
            draw=_Wheel().draw,
            served=self._serve,
            changed=self.hands.changed.append,
        )

    def _serve(self, issuer: Issuer, own: Own) -> None:
        self.hands.served[issuer.identity.name] = own


class _Wheel:
    """Octets that never repeat."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def draw(self, octets: int) -> bytes:
        return next(self._count).to_bytes(octets, "big")


@functools.cache
def _demo() -> Path:
    """Make the demo's authorities once."""
    root = Path(tempfile.mkdtemp(prefix="shiyin-certifying-"))
    Home(root).open().close()
    return root


def demo_home(root: Path) -> Home:
    """Give a demo whose keys and certificates are there, and whose journal is empty."""
    for name in ("keys", "certificates"):
        shutil.copytree(_demo() / name, root / name)
    return Home(root)


@functools.cache
def person_key(number: int = 0, algorithm: KeyAlgorithm = KeyAlgorithm.SM2) -> SigningKey:
    """Give a person's key."""
    assert number >= 0
    return generate(algorithm)


_requests: dict[bytes, bytes] = {}


def csr_of(key: SigningKey) -> bytes:
    """Make a request with proof of possession, the same for a key each time."""
    if key.public not in _requests:
        spki = spki_of(key.algorithm, key.public)
        made = make_request(encode_name("whoever"), spki, key.algorithm, signing(key))
        _requests[key.public] = made
    return _requests[key.public]


def request_id(number: int) -> bytes:
    """Give a request number."""
    return number.to_bytes(16, "big")


def ask(
    number: int = 1,
    *,
    authority: str = SM2,
    template: str = "person",
    fields: Mapping[str, str] = FIELDS,
    csr: bytes | None = None,
    renews: bytes = b"",
    days: int = 0,
) -> IssueAsk:
    """Ask for a certificate; without `csr` or `renews` for that of the first person's key."""
    if csr is None:
        csr = b"" if renews else csr_of(person_key())
    return IssueAsk(request_id(number), authority, template, dict(fields), csr, renews, days)


def certificate_of(results: Sequence[bytes | IssueRefusal]) -> Certificate:
    """Read the only result, which must be a certificate."""
    (result,) = results
    assert isinstance(result, bytes), result
    return decode_certificate(result)


def serial_of(certificate: Certificate) -> bytes:
    """Give a serial number as frames carry it."""
    return certificate.serial_number.to_bytes(14, "big")


def revocation(certificate: Certificate, reason: int = 1, authority: str = SM2) -> RevokeAsk:
    """Ask for a revocation."""
    return RevokeAsk(1, authority, serial_of(certificate), reason)
