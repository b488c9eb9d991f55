"""Seeds of the fuzz targets of path validation, out of the corpus of chains."""

from collections.abc import Iterator, Mapping

from appliance.asn1 import oids
from appliance.asn1.x509 import decode_certificate
from appliance.pki.validation.purposes import Purpose
from kit.chains.case import Case
from kit.chains.corpus import corpus
from kit.fuzzing import block

_SPREAD = 16
_EXTENSIONS = {
    oids.SUBJECT_ALT_NAME: "names",
    oids.NAME_CONSTRAINTS: "subtrees",
    oids.CERTIFICATE_POLICIES: "policies",
    oids.POLICY_MAPPINGS: "mappings",
    oids.POLICY_CONSTRAINTS: "constraints",
    oids.INHIBIT_ANY_POLICY: "inhibit",
}


def all_seeds() -> dict[str, Mapping[str, bytes]]:
    """Give the seeds by target."""
    return {"certificate_path": dict(_paths()), "path_extensions": dict(_extensions())}


def _paths() -> Iterator[tuple[str, bytes]]:
    cases = [case for case in corpus() if case.expected is not None and case.intermediates]
    for number, case in enumerate(cases[:: len(cases) // _SPREAD]):
        choice = list(Purpose).index(case.purpose) | (0x80 if case.policies else 0)
        given = block(case.roots[0]) + block(case.intermediates[0])
        yield f"case-{number:02}", bytes([choice]) + given + case.leaf


def _extensions() -> Iterator[tuple[str, bytes]]:
    found: dict[str, set[bytes]] = {}
    for case in corpus():
        for oid, value in _values(case):
            found.setdefault(oid, set()).add(value)
    for oid, name in _EXTENSIONS.items():
        values = sorted(found[oid], key=lambda value: (len(value), value))
        for number, value in enumerate(values[:: -(-len(values) // 6)]):
            yield f"{name}-{number}", value


def _values(case: Case) -> Iterator[tuple[str, bytes]]:
    encoded = (*case.intermediates, *(() if case.expected is None else (case.leaf,)))
    for certificate in map(decode_certificate, encoded):
        for extension in certificate.extensions.listed:
            if extension.oid in _EXTENSIONS:
                yield extension.oid, extension.value
