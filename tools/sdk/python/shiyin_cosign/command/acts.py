"""What the program does, an act a command.  Each gives the exit code."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shiyin_cosign.activation import Invitation, read_code, read_qr
from shiyin_cosign.arithmetic.choice import backend
from shiyin_cosign.certificate import name_text
from shiyin_cosign.command.desk import Desk
from shiyin_cosign.command.words import advise, say
from shiyin_cosign.driving import Channel, enrol, run
from shiyin_cosign.encoding import sm3
from shiyin_cosign.enrolment import Enrolled, Enrolment
from shiyin_cosign.errors import CosignError, Malformed, Rejected
from shiyin_cosign.phone import LIST_LIMIT, Outcome, Phone, first_profile
from shiyin_cosign.profile import Place, Profile
from shiyin_cosign.store import Store
from shiyin_cosign.tasks import Task

OK, REFUSED = 0, 1
_SHOWN_WITH_ALL = ("description", "name", "sm3", "origin", "holder")


@dataclass(frozen=True, slots=True)
class Session:
    """An open store, the phone in it, and the way to its box."""

    desk: Desk
    store: Store
    phone: Phone
    channel: Channel

    @property
    def profile(self) -> Profile:
        """What the store holds."""
        return self.store.profile

    def tasks(self, wait_s: int = 0) -> list[Task]:
        """List what waits."""
        return run(self.phone.tasks(LIST_LIMIT, wait_s), self.channel)

    def find(self, item: str) -> Task:
        """Find one item, with its document.  Raises Malformed where it does not wait."""
        for task in self.tasks():
            if task.item == item:
                return run(self.phone.complete(task), self.channel)
        raise Malformed(f"no item {item} waits for this device")


@contextmanager
def opened(desk: Desk) -> Iterator[Session]:
    """Open the store of the options and the way to its box."""
    with Store.open(desk.options.store) as store:
        place = desk.place(store.profile.place)
        if place != store.profile.place:
            store.keep(replace(store.profile, place=place))
        channel = desk.channel(place)
        try:
            yield Session(desk, store, Phone(store, backend()), channel)
        finally:
            channel.close()


def enrol_phone(desk: Desk) -> int:
    """Enrol a phone under an activation code."""
    invitation = _invitation(desk)
    place = desk.place(Place(invitation.url, root=invitation.root))
    if not place.url.startswith("https://"):
        raise Malformed("tell where the box is: --device-url https://... or --ready READY.json")
    pin = desk.new_pin(desk.options.pin_file, "SHIYIN_PIN", "new_pin")
    channel = desk.channel(place)
    with Store.create(desk.options.store) as store:

        def keep(enrolled: Enrolled) -> None:
            store.keep(first_profile(enrolled, place, pin))

        machine = Enrolment(backend(), invitation.code, desk.options.label)
        enrol(machine, channel, keep)
        profile = store.profile
    channel.close()
    identity = profile.identity
    names = {"uid": identity.uid.decode(), "device": identity.device.decode()}
    subject = name_text(profile.subject)
    told = names | {"subject": subject, "public": identity.public.hex()}
    desk.tell(told, say(desk.tongue, "enrolled", **names), subject)
    return OK


def _invitation(desk: Desk) -> Invitation:
    if desk.options.qr is not None:
        return read_qr(desk.options.qr)
    return Invitation(read_code(desk.options.code), "", desk.options.root or b"")


def list_items(desk: Desk) -> int:
    """List what waits."""
    with opened(desk) as session:
        tasks = session.tasks(desk.options.wait)
    lines = [f"{task.item}  {task.document.description}  {task.document.name}" for task in tasks]
    facts = {"items": [_facts(task) for task in tasks]}
    desk.tell(facts, *(lines or [say(desk.tongue, "nothing")]))
    return OK


def _facts(task: Task) -> dict[str, object]:
    document = task.document
    return {
        "item": task.item,
        "task": task.task,
        "form": document.form.value,
        "name": document.name,
        "description": document.description,
        "expires_us": task.expires_us,
    }


def show(desk: Desk) -> int:
    """Show an item whole."""
    with opened(desk) as session:
        task = session.find(desk.options.item)
        shown = task.document.shown(session.profile.identity.uid)
    desk.tell(_facts(task) | shown, *(f"{name}: {value}" for name, value in shown.items()))
    return OK


def sign(desk: Desk) -> int:
    """Sign items under one PIN entry."""
    wanted = None if desk.options.all else list(desk.options.items)
    if wanted is not None and not wanted:
        raise Malformed("name the items to sign, or say --all")
    with opened(desk) as session:
        outcomes = _sign(session, wanted)
    return _tell_outcomes(desk, outcomes)


def _sign(session: Session, wanted: list[str] | None) -> list[Outcome]:
    """List, show and sign until nothing new waits; a list holds at most 500 items."""
    desk, phone, channel = session.desk, session.phone, session.channel
    pin, outcomes = "", list(run(phone.finish(), channel))
    if session.profile.is_refreshing:
        pin = desk.pin()
        run(phone.confirm(pin), channel)
    done: set[str] = set()
    while tasks := _fresh(session, wanted, done):
        for task in tasks:
            _show_before(session, task)
        phone.prepare(_sound(session, tasks))
        pin = pin or desk.pin()
        outcomes += run(phone.sign(pin, tasks), channel)
        done.update(task.item for task in tasks)
    missing = set(wanted or ()) - done
    return outcomes + [Outcome(item, error=Malformed("it does not wait")) for item in missing]


def _fresh(session: Session, wanted: list[str] | None, done: set[str]) -> list[Task]:
    if wanted is not None and done.issuperset(wanted):
        return []
    found = [
        task
        for task in session.tasks()
        if task.item not in done and (wanted is None or task.item in wanted)
    ]
    return [run(session.phone.complete(task), session.channel) for task in found]


def _sound(session: Session, tasks: Sequence[Task]) -> list[Task]:
    """Leave out what will not be signed: its outcome tells why."""
    identity, sound = session.profile.identity, []
    for task in tasks:
        try:
            task.document.digest(identity.uid, identity.public)
        except CosignError:
            continue
        if task.epoch == session.profile.epoch:
            sound.append(task)
    return sound


def _show_before(session: Session, task: Task) -> None:
    """Show what is about to be signed, except to a program."""
    if session.desk.options.json:
        return
    try:
        shown = task.document.shown(session.profile.identity.uid)
    except CosignError:
        return
    told = "  ".join(shown[name] for name in _SHOWN_WITH_ALL if name in shown)
    session.desk.note(f"{task.item}  {told}")


def _tell_outcomes(desk: Desk, outcomes: Sequence[Outcome]) -> int:
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    facts = {
        "items": [_outcome_facts(outcome) for outcome in outcomes],
        "signed": len(outcomes) - len(failed),
        "failed": len(failed),
    }
    lines = [f"{outcome.item}: {explain(desk.tongue, outcome.error)}" for outcome in failed]
    counts = {"signed": facts["signed"], "failed": facts["failed"]}
    desk.tell(facts, *lines, say(desk.tongue, "signed", **counts))
    return REFUSED if failed else OK


def _outcome_facts(outcome: Outcome) -> dict[str, str]:
    error = outcome.error
    facts = {"item": outcome.item, "state": outcome.state, "signature": outcome.signature.hex()}
    if isinstance(error, Rejected):
        facts["code"] = error.code.value
    if error is not None:
        facts["error"] = str(error)
    return facts


def explain(tongue: str, error: CosignError | None) -> str:
    """Say an error to people."""
    if isinstance(error, Rejected):
        advice = advise(tongue, error.code, error.tries_left)
        return f"{advice} ({error.detail})" if error.detail else advice
    return str(error)


def reject(desk: Desk) -> int:
    """Decline an item."""
    with opened(desk) as session:
        dialogue = session.phone.reject(desk.options.item, desk.options.reason)
        state = run(dialogue, session.channel)
    desk.tell({"item": desk.options.item, "state": state}, state)
    return OK


def change_pin(desk: Desk) -> int:
    """Change the PIN, which is a refresh."""
    with opened(desk) as session:
        old = desk.pin()
        new = desk.new_pin(desk.options.new_pin_file, "SHIYIN_NEW_PIN", "new_pin")
        run(session.phone.refresh(old, new), session.channel)
        epoch = session.profile.epoch
    desk.tell({"epoch": epoch}, say(desk.tongue, "pin_changed"))
    return OK


def refresh(desk: Desk) -> int:
    """Change the shares, or end a refresh that was interrupted."""
    with opened(desk) as session:
        pin = desk.pin()
        if session.profile.is_refreshing:
            run(session.phone.confirm(pin), session.channel)
        else:
            run(session.phone.refresh(pin), session.channel)
        epoch = session.profile.epoch
    desk.tell({"epoch": epoch}, say(desk.tongue, "refreshed", epoch=epoch))
    return OK


def revoke(desk: Desk) -> int:
    """Revoke this device and erase its store."""
    with opened(desk) as session:
        run(session.phone.revoke(desk.pin()), session.channel)
        session.store.destroy()
    desk.tell({"state": "revoked"}, say(desk.tongue, "revoked"))
    return OK


def certificate(desk: Desk) -> int:
    """Fetch and check the certificate; with --out write the chain as PEM."""
    with opened(desk) as session:
        standing = run(session.phone.certificate(_now()), session.channel)
        profile = session.profile
    leaf = standing.certificate
    if leaf is None:
        desk.tell({"state": standing.state}, standing.state, say(desk.tongue, "no_certificate"))
        return REFUSED
    if desk.options.out is not None:
        desk.options.out.write_text("".join(map(_pem, profile.chain)), "ascii")
    root = profile.place.root.hex()
    facts = {
        "state": standing.state,
        "subject": name_text(leaf.subject),
        "issuer": name_text(leaf.issuer),
        "serial": f"{leaf.serial:x}",
        "not_before": leaf.not_before,
        "not_after": leaf.not_after,
        "sm3": sm3(profile.chain[0]).hex(),
        "root_sm3": root,
    }
    lines = [f"{name}: {value}" for name, value in facts.items() if name != "root_sm3"]
    desk.tell(facts, *lines, say(desk.tongue, "root", root=root))
    return OK


def status(desk: Desk) -> int:
    """Tell what this phone is, without asking the box."""
    with Store.open(desk.options.store) as store:
        profile = store.profile
    facts = {
        "uid": profile.identity.uid.decode(),
        "device": profile.identity.device.decode(),
        "label": profile.label,
        "subject": name_text(profile.subject),
        "public": profile.identity.public.hex(),
        "url": profile.place.url,
        "epoch": profile.epoch,
        "is_refreshing": profile.is_refreshing,
        "unfinished": len(profile.unfinished),
        "has_certificate": bool(profile.chain),
        "backend": backend().name,
        "is_constant_time": backend().is_constant_time,
    }
    desk.tell(facts, *(f"{name}: {value}" for name, value in facts.items()))
    return OK


def _now() -> str:
    return time.strftime("%Y%m%d%H%M%S", time.gmtime())


def _pem(octets: bytes) -> str:
    body = base64.encodebytes(octets).decode("ascii")
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


ACTS: dict[str, Callable[[Desk], int]] = {
    "enrol": enrol_phone,
    "list": list_items,
    "show": show,
    "sign": sign,
    "reject": reject,
    "pin": change_pin,
    "refresh": refresh,
    "revoke": revoke,
    "certificate": certificate,
    "status": status,
}
