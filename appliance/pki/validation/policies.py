"""Certificate policies along a path: whether one holds from the root's first CA to the leaf.

RFC 5280 6.1.2 to 6.1.5, with the graph of RFC 9618 5 in place of the tree, which a few mappings
make exponential.  A node keeps no parents: only the policies of the asker's domain it stands for,
which is all that is asked of the graph in the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from appliance.asn1 import oids
from appliance.asn1.extension.policies import (
    PolicyConstraints,
    decode_certificate_policies,
    decode_inhibit_any_policy,
    decode_policy_constraints,
    decode_policy_mappings,
)
from appliance.asn1.x509 import Certificate
from appliance.pki.names import is_self_issued

_ANY = oids.ANY_POLICY


@attrs.frozen
class _Node:
    """A policy at one depth: what may follow it, and what it stands for at the asker's."""

    expected: frozenset[str]
    origins: frozenset[str]


Level = dict[str, _Node]
"""The nodes at one depth by valid_policy; an empty one is the graph that is NULL."""

_START: Level = {_ANY: _Node(frozenset({_ANY}), frozenset({_ANY}))}


@attrs.define
class _State:
    """The state variables of RFC 5280 6.1.2: (a) the deepest level, (d), (e) and (f)."""

    level: Level
    explicit_policy: int
    inhibit_any_policy: int
    policy_mapping: int


def policy_fault(path: Sequence[Certificate], accepted: frozenset[str]) -> Certificate | None:
    """Give the certificate at which a path has no policy left where it needs one, if there is one.

    `path` goes from the certificate below the trust anchor to the leaf.  With `accepted`, one of
    these policies must hold; without, any will do and one is needed only if a CA says so.  Raises
    Malformed.
    """
    length = len(path)
    state = _State(_START, 0 if accepted else length + 1, length + 1, length + 1)
    for number, certificate in enumerate(path, 1):
        is_last = number == length
        _process(state, certificate, is_last=is_last)
        if state.explicit_policy == 0 and not state.level:
            return certificate
        if not is_last and not _prepare_next(state, certificate):
            return certificate
    leaf = path[-1]
    constraints = _constraints(leaf)
    required = max(state.explicit_policy - 1, 0)
    if constraints is not None and constraints.require_explicit_policy == 0:
        required = 0
    return leaf if required == 0 and not _is_acceptable(state.level, accepted) else None


def _is_acceptable(level: Level, accepted: frozenset[str]) -> bool:
    if not accepted or _ANY in accepted:
        return bool(level)
    return _ANY in level or any(node.origins & accepted for node in level.values())


def _process(state: _State, certificate: Certificate, *, is_last: bool) -> None:
    """Take in certificatePolicies.  RFC 5280 6.1.3 (d), (e); RFC 9618 5.2."""
    extension = certificate.extensions.find(oids.CERTIFICATE_POLICIES)
    if extension is None:
        state.level = {}
        return
    policies = decode_certificate_policies(extension.value)
    above = state.level
    level: Level = {}
    for policy in policies:
        if policy == _ANY:
            continue
        origins = _origins(above, policy)
        if not origins and _ANY in above:
            origins = frozenset({policy})
        if origins:
            level[policy] = _Node(frozenset({policy}), origins)
    counts_any = state.inhibit_any_policy > 0 or (not is_last and is_self_issued(certificate))
    if _ANY in policies and counts_any:
        for policy in {policy for node in above.values() for policy in node.expected}:
            if policy not in level:
                level[policy] = _Node(frozenset({policy}), _origins(above, policy))
    state.level = level


def _origins(above: Level, policy: str) -> frozenset[str]:
    found = (node.origins for node in above.values() if policy in node.expected)
    return frozenset[str]().union(*found)


def _prepare_next(state: _State, certificate: Certificate) -> bool:
    """Prepare for the certificate below; false for a mapping of anyPolicy.  RFC 5280 6.1.4."""
    extension = certificate.extensions.find(oids.POLICY_MAPPINGS)
    if extension is not None:
        mappings = decode_policy_mappings(extension.value)
        if any(_ANY in pair for pair in mappings):
            return False
        _map(state, mappings)
    if not is_self_issued(certificate):
        state.explicit_policy = max(state.explicit_policy - 1, 0)
        state.policy_mapping = max(state.policy_mapping - 1, 0)
        state.inhibit_any_policy = max(state.inhibit_any_policy - 1, 0)
    constraints = _constraints(certificate)
    if constraints is not None:
        state.explicit_policy = _least(state.explicit_policy, constraints.require_explicit_policy)
        state.policy_mapping = _least(state.policy_mapping, constraints.inhibit_policy_mapping)
    inhibit = certificate.extensions.find(oids.INHIBIT_ANY_POLICY)
    if inhibit is not None:
        state.inhibit_any_policy = _least(
            state.inhibit_any_policy, decode_inhibit_any_policy(inhibit.value)
        )
    return True


def _map(state: _State, mappings: Sequence[tuple[str, str]]) -> None:
    """Let the policies of the issuer's domain go on as those of the subject's.  6.1.4 (b)."""
    targets: dict[str, set[str]] = {}
    for issuer_policy, subject_policy in mappings:
        targets.setdefault(issuer_policy, set()).add(subject_policy)
    level = dict(state.level)
    for policy, mapped in targets.items():
        node = level.pop(policy, None)
        if state.policy_mapping == 0:
            continue  # forbidden: the policy ends here
        if node is None and _ANY in level:
            node = _Node(frozenset(), frozenset({policy}))
        if node is not None:
            level[policy] = _Node(frozenset(mapped), node.origins)
    state.level = level


def _least(value: int, limit: int | None) -> int:
    return value if limit is None else min(value, limit)


def _constraints(certificate: Certificate) -> PolicyConstraints | None:
    extension = certificate.extensions.find(oids.POLICY_CONSTRAINTS)
    return None if extension is None else decode_policy_constraints(extension.value)
