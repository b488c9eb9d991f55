"""The room of the authorities: journal, keys, templates, lists and ceremonies, in one thread."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from appliance.asn1 import pem
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import ApplianceError, Malformed, NotFound, Refused, Unavailable
from appliance.pki.path import Verify
from appliance.pki.signatures.making import Signatory, sign_data
from appliance.pki.templates.bounds import check_template
from appliance.pki.templates.template import TEMPLATES, Template, decode_template, encode_template
from appliance.quantities import Utc
from appliance.services.certifying import own as own_keys
from appliance.services.certifying.authority import Issuance, Issuer, Rules
from appliance.services.certifying.ceremony.acts import Bench, check_custodian, read_act
from appliance.services.certifying.ceremony.ceremonies import CUSTODIANS_NEEDED, Ceremonies
from appliance.services.certifying.facts import authority_facts
from appliance.services.certifying.journal import (
    AuthorityRow,
    CeremonyRow,
    CustodianRow,
    Journal,
    Started,
    TemplateRow,
)
from appliance.services.certifying.messages import (
    CeremonyApprove,
    CeremonyOpen,
    IssueAsk,
    IssueRefusal,
    RevokeAsk,
)
from appliance.services.certifying.own import Own, OwnKeys
from appliance.services.certifying.revocation.press import Press
from appliance.services.certifying.revocation.withdrawal import withdraw
from appliance.services.commissioning import Commissioner, Mode
from appliance.store.files import write_durably
from appliance.store.keyfiles import KeyFolder
from appliance.tsp.serial import SerialSource

Facts = dict[str, object]
TEMPLATE_LIMIT = 256
_CUSTODIAN_KEY_OCTETS = 4096


@attrs.frozen(kw_only=True)
class Site:
    """Where the authorities of a box live, and under which rules.

    `published` holds what anyone may fetch, `custodians` the keys of the first custodians in PEM,
    which the operator of this box puts there.
    """

    mode: Mode
    node: int
    name: str
    algorithms: Sequence[KeyAlgorithm]
    rules: Rules
    list_lifetime_s: int
    certificates: Path
    published: Path
    custodians: Path


@attrs.frozen(kw_only=True)
class Tools:
    """What the room is given to work with; `served` hears of responders, `changed` of numbers."""

    keys: KeyFolder
    commissioner: Commissioner
    verify: Verify
    now: Callable[[], Utc]
    draw: Callable[[int], bytes]
    served: Callable[[Issuer, Own], None] = lambda _issuer, _own: None
    changed: Callable[[bytes], None] = lambda _serial: None


class Certifier:
    """Answers a manager's questions; each method is one of the verbs of `messages`.

    Every error is of `errors`; used by one thread.
    """

    def __init__(self, journal: Journal, site: Site, tools: Tools, *, start_random: bytes) -> None:
        self._journal = journal
        self._site = site
        self._tools = tools
        self._issuers: dict[str, Issuer] = {}
        self._templates: dict[str, Template] = {}
        self._responders: dict[str, Own] = {}
        self._start_random = start_random
        self._refused = 0
        serials = SerialSource(site.node, start_random)
        self._own = OwnKeys(journal, tools.keys, mode=site.mode, serials=serials)
        self._issuance = Issuance(
            journal,
            issuers=self._issuers,
            templates=self._templates,
            serials=serials,
            rules=site.rules,
            verify=tools.verify,
            now=tools.now,
        )
        self._press = Press(
            journal,
            site.published,
            node=site.node,
            lifetime_s=site.list_lifetime_s,
            address=site.rules.list_address,
        )
        self._ceremonies = Ceremonies(
            box=site.name,
            verify=tools.verify,
            custodians=journal.index.custodians,
            draw=tools.draw,
        )
        self._bench = Bench(
            mode=site.mode,
            keys=tools.keys,
            certificates=site.certificates,
            commissioner=tools.commissioner,
            journal=journal,
            verify=tools.verify,
            adopt=self._adopt,
        )

    def begin(self, at: Utc) -> None:
        """Record the start, make the demo's authorities, and take all authorities into service.

        `at` is the host's time, as there may be no better one yet.
        """
        self._journal.append([Started(self._site.node, self._start_random, at.posix_us)])
        self._templates |= TEMPLATES
        for body in self._journal.index.templates().values():
            template = decode_template(body)
            self._templates[template.name] = template
        if self._site.mode == "demo":
            for algorithm in self._site.algorithms:
                self._tools.commissioner.make_demo_authority(algorithm)
        for name, identity in self._tools.commissioner.authorities().items():
            self._serve(Issuer(identity))
            self._record(name, "issuing", at)

    # --- certificates -----------------------------------------------------------------------------

    def issue(self, asks: Sequence[IssueAsk]) -> list[bytes | IssueRefusal]:
        """Issue a batch; see `Issuance`.  What is refused is counted, not journalled."""
        results = self._issuance.issue(asks)
        self._refused += sum(isinstance(each, IssueRefusal) for each in results)
        return results

    def revoke(self, ask: RevokeAsk) -> Facts:
        """Revoke, hold or release; OCSP knows at once, the list within two seconds."""
        found = withdraw(self._journal, ask, self._tools.now())
        self._tools.changed(found.serial)
        now = self._journal.index.find(found.authority, found.serial)
        assert now is not None
        return {"state": now.state.value, "revoked_us": now.revoked_us, "reason": now.reason}

    def sign_manifest(self, manifest: bytes) -> Facts:
        """Sign a manifest as detached SignedData under the box's own certificate, of SM2 if any."""
        if not self._issuers:
            raise Unavailable("this box has no authority yet", retry_after_s=60)
        now = self._tools.now()
        issuer = min(
            self._issuers.values(), key=lambda each: _PREFERENCE[each.identity.key.algorithm]
        )
        own = self._own.hold(own_keys.BOX, issuer, now)
        chain = (issuer.identity.certificate, *issuer.identity.issuers)
        signatory = Signatory(own.certificate, own.key.algorithm, own.sign)
        cms = sign_data(manifest, [signatory], signed_at=now, chain=chain[:1])
        text = b"".join(pem.write("CERTIFICATE", each.der) for each in (own.certificate, *chain))
        return {"cms": cms, "chain": text}

    # --- authorities and templates ----------------------------------------------------------------

    def authorities(self) -> Facts:
        """Tell the authorities, and who may hold ceremonies."""
        self._enrol_first()
        index = self._journal.index
        return {
            "authorities": {
                name: authority_facts(issuer, index) for name, issuer in self._issuers.items()
            },
            "custodians": sorted(index.custodians()),
            "ceremonies": self._ceremonies.facts(),
            "refused_since_start": self._refused,
        }

    def templates(self) -> Facts:
        """Tell the templates as JSON, by name."""
        return {name: encode_template(each) for name, each in sorted(self._templates.items())}

    def add_template(self, octets: bytes) -> Facts:
        """Take a template within its bounds; one that is built in is not replaced."""
        template = decode_template(octets)
        check_template(template)
        if template.name in TEMPLATES:
            raise Malformed(f"the template {template.name} is built in: choose another name")
        if len(self._templates) >= TEMPLATE_LIMIT and template.name not in self._templates:
            raise Refused(f"there are {TEMPLATE_LIMIT} templates")
        row = TemplateRow(template.name, encode_template(template), self._tools.now().posix_us)
        self._journal.append([row])
        self._templates[template.name] = template
        return {"name": template.name}

    def publish_list(self, authority: str, *, is_delta: bool) -> Facts:
        """Sign and publish a list now."""
        issuer = self._issuers.get(authority)
        if issuer is None:
            raise NotFound(f"there is no authority {authority}")
        return attrs.asdict(self._press.publish(issuer, self._tools.now(), is_delta=is_delta))

    # --- ceremonies -------------------------------------------------------------------------------

    def open_ceremony(self, ask: CeremonyOpen) -> Facts:
        """Prepare an act; its statement is what custodians sign."""
        self._enrol_first()
        now = self._tools.now()
        parameters: dict[str, str | bytes] = {**ask.parameters, **ask.octets}
        read_act(ask.act, parameters).check(self._bench, now)
        number, statement = self._ceremonies.open(ask.act, parameters, now)
        return {"ceremony": number, "statement": statement}

    def approve_ceremony(self, ask: CeremonyApprove) -> Facts:
        """Take a custodian's signature; the second one does the act, after it is recorded."""
        now = self._tools.now()
        agreed = self._ceremonies.approve(ask.ceremony, ask.custodian, ask.signature, now)
        if agreed is None:
            return {"is_done": False}
        row = CeremonyRow(agreed.statement, list(agreed.approvals), now.posix_us)
        self._journal.append([row])
        outcome = read_act(agreed.act, agreed.parameters).perform(self._bench, now)
        return {"is_done": True, **outcome}

    # --- the life of the room ---------------------------------------------------------------------

    def rest(self) -> None:
        """Renew responders, publish lists that are due, and sign the journal's head."""
        self._journal.keep_head(time.monotonic_ns())
        try:
            now = self._tools.now()
        except Unavailable:
            return  # the clock will come
        for name, issuer in self._issuers.items():
            with contextlib.suppress(ApplianceError):  # as when its certificate is over
                self._attend(name, issuer, now)

    def close(self) -> None:
        """Zero the keys and close the journal."""
        self._own.close()
        for issuer in self._issuers.values():
            issuer.identity.key.close()
        self._journal.close()

    def _attend(self, name: str, issuer: Issuer, now: Utc) -> None:
        responder = self._own.hold(own_keys.OCSP, issuer, now)
        if self._responders.get(name) is not responder:
            self._tools.served(issuer, responder)
            self._responders[name] = responder
        self._press.publish_due(issuer, now)

    def _adopt(self, name: str, usage: str) -> None:
        """Take a new certificate of a key of this box into service."""
        if usage == "issuing":
            identity = self._tools.commissioner.authorities()[name]
            self._serve(Issuer(identity))
        self._record(name, usage, self._tools.now())

    def _serve(self, issuer: Issuer) -> None:
        name = issuer.identity.name
        old = self._issuers.get(name)
        self._issuers[name] = issuer
        self._responders.pop(name, None)
        path = self._site.published / f"{name}.cer"
        write_durably(path, issuer.identity.certificate.der, mode=0o644)
        if old is not None:
            old.identity.key.close()

    def _record(self, name: str, usage: str, at: Utc) -> None:
        """Journal a chain that the journal does not know as the newest of its key."""
        text = (self._site.certificates / f"{name}.pem").read_bytes()
        chain = pem.read_all(text, "CERTIFICATE")
        if self._journal.index.own_chain(name) != chain[0]:
            self._journal.append([AuthorityRow(name, usage, chain, at.posix_us)])

    def _enrol_first(self) -> None:
        """Enrol the first two custodians, whose keys the operator has put beside the journal."""
        known: Mapping[str, bytes] = self._journal.index.custodians()
        if len(known) >= CUSTODIANS_NEEDED or not self._site.custodians.is_dir():
            return
        rows: list[CustodianRow] = []
        for path in sorted(self._site.custodians.glob("*.pem")):
            spki = pem.read_one(path.read_bytes()[:_CUSTODIAN_KEY_OCTETS], "PUBLIC KEY")
            if path.stem not in known and len(known) < CUSTODIANS_NEEDED:
                check_custodian(known, path.stem, spki)
                known = {**known, path.stem: spki}
                rows.append(CustodianRow(path.stem, spki, self._tools.now().posix_us))
        if rows:
            self._journal.append(rows)


_PREFERENCE = {KeyAlgorithm.SM2: 0, KeyAlgorithm.P256: 1, KeyAlgorithm.RSA: 2}
