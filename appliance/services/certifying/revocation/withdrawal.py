"""Revoking, holding and releasing certificates, by the one table of their states."""

from __future__ import annotations

from appliance.asn1.status.crl import CrlReason
from appliance.errors import NotFound, Refused
from appliance.pki.states import CERTIFICATE, CertificateEvent, CertificateState
from appliance.quantities import Utc
from appliance.services.certifying.journal import ChangedRow, Journal
from appliance.services.certifying.messages import RevokeAsk
from appliance.store.issued import IssuedCertificate

_EVENTS = {
    CrlReason.CERTIFICATE_HOLD: CertificateEvent.HELD,
    CrlReason.REMOVE_FROM_CRL: CertificateEvent.RELEASED,
}
_NOT_OF_USERS = (CrlReason.CA_COMPROMISE, CrlReason.AA_COMPROMISE)


def withdraw(journal: Journal, ask: RevokeAsk, now: Utc) -> IssuedCertificate:
    """Change the state of a certificate, durably; gives it as it stood before.

    Asked twice to the same effect, nothing happens twice.  Raises NotFound, Conflict for a step
    that no state allows, Refused for reasons that are none.
    """
    journal.catch_up()
    found = journal.index.find(ask.authority, ask.serial_number.lstrip(b"\0"))
    if found is None:
        raise NotFound(f"{ask.authority} has no certificate of this serial number")
    reason = _reason(ask.reason)
    event = _EVENTS.get(reason, CertificateEvent.REVOKED)
    is_changed = found.changed_seq is not None
    if is_changed and (found.state, found.reason) == (_AIMS[event], _kept(reason)):
        return found
    is_over = found.not_after_us < now.posix_us
    state = CERTIFICATE.after(CertificateState.EXPIRED if is_over else found.state, event)
    row = ChangedRow(
        authority=ask.authority,
        serial=found.serial,
        state=state,
        reason=_kept(reason),
        invalid_since_us=_invalid_since(ask, now),
        at_us=now.posix_us,
    )
    journal.append([row])
    return found


_AIMS = {
    CertificateEvent.HELD: CertificateState.ON_HOLD,
    CertificateEvent.RELEASED: CertificateState.VALID,
    CertificateEvent.REVOKED: CertificateState.REVOKED,
}


def _reason(number: int) -> CrlReason:
    try:
        reason = CrlReason(number)
    except ValueError:
        raise Refused(f"there is no reason {number} (RFC 5280 5.3.1)") from None
    if reason in _NOT_OF_USERS:
        raise Refused(f"reason {number} is not one of a user's certificate")
    return reason


def _kept(reason: CrlReason) -> int | None:
    """Tell the reason that stands from now on; a release leaves none."""
    return None if reason is CrlReason.REMOVE_FROM_CRL else reason.value


def _invalid_since(ask: RevokeAsk, now: Utc) -> int | None:
    since_us = ask.invalid_since_us
    if since_us is not None and not 0 <= since_us <= now.posix_us:
        raise Refused("a key was lost in the past")
    return since_us
