"""Where things lie under the state folder; in production each role sees only its own part."""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen
class Places:
    """The folders and files of one box, under `state`."""

    state: Path

    @property
    def run(self) -> Path:
        """Sockets, the time page, ready.json: what a reboot may lose."""
        return self.state / "run"

    @property
    def ready(self) -> Path:
        """What runs where, for programs; there only while the box is ready."""
        return self.run / "ready.json"

    @property
    def claim(self) -> Path:
        """The lock of the one supervisor that this folder may have."""
        return self.run / "supervisor.lock"

    @property
    def time_page(self) -> Path:
        """The TrustedTime page."""
        return self.run / "trusted-time.page"

    @property
    def errands(self) -> Path:
        """The lock of the one front that asks the network for the time."""
        return self.run / "errands.lock"

    @property
    def devices(self) -> Path:
        """The links to the simulated devices."""
        return self.run / "devices"

    @property
    def timed(self) -> Path:
        """What `timed` keeps: what it learnt of its oscillator, and the history of the clock."""
        return self.state / "timed"

    @property
    def clock_state(self) -> Path:
        """What the clock has learnt, for its next start."""
        return self.timed / "clock.state"

    @property
    def history(self) -> Path:
        """The log of the clock's offsets, a file a day."""
        return self.timed / "history"

    @property
    def notifications(self) -> Path:
        """The socket on which children report to the supervisor."""
        return self.run / "notify.sock"

    def socket(self, name: str) -> Path:
        """Give the Unix socket of one verb set."""
        return self.run / f"{name}.sock"

    @property
    def secret(self) -> Path:
        """The demo's key-encryption key."""
        return self.state / "secret"

    @property
    def keys(self) -> Path:
        """The sealed private keys."""
        return self.state / "signer" / "keys"

    @property
    def certificates(self) -> Path:
        """The certificates of our keys, each with its issuers; the roots of the demo."""
        return self.state / "signer" / "certificates"

    @property
    def ledger(self) -> Path:
        """The ledger's segments and heads."""
        return self.state / "signer" / "ledger"

    @property
    def journal(self) -> Path:
        """The journal of the authorities: segments and heads, as the ledger's."""
        return self.state / "signer" / "journal"

    @property
    def issued(self) -> Path:
        """The index of what was issued, made from the journal."""
        return self.state / "signer" / "issued.sqlite"

    @property
    def custodians(self) -> Path:
        """The public keys of the first custodians, put here by the operator of this box."""
        return self.state / "signer" / "custodians"

    @property
    def published(self) -> Path:
        """The authorities' revocation lists and certificates, served to anyone."""
        return self.public / "crl"

    @property
    def manager(self) -> Path:
        """What the manager keeps: the registry, its backups, its TLS identity."""
        return self.state / "manager"

    @property
    def front(self) -> Path:
        """What the fronts keep: their TLS identity towards phones."""
        return self.state / "front"

    @property
    def cosign(self) -> Path:
        """The ledger, the index and the sealed shares of co-signing."""
        return self.state / "signer" / "cosign"

    @property
    def demo_credentials(self) -> Path:
        """The demo's accounts and their tokens, for whoever owns this folder."""
        return self.secret / "demo-credentials.json"

    @property
    def public(self) -> Path:
        """What anyone may read: certificates, roots, the key of the ledger's heads."""
        return self.state / "public"

    @property
    def logs(self) -> Path:
        """The roles' logs under `shiyind run`."""
        return self.state / "log"

    def make(self) -> None:
        """Make every folder; what is private is 0700."""
        for folder in (self.state, self.run, self.public, self.published, self.logs):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        own = (
            self.keys,
            self.certificates,
            self.ledger,
            self.journal,
            self.custodians,
            self.cosign,
        )
        for folder in (self.secret, self.keys.parent, self.front, *own):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def read_boot_id() -> bytes:
    """Read the kernel's id of this boot: 16 octets."""
    return bytes.fromhex(
        Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")
    )
