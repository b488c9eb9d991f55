"""What constrains a path: names, subtrees and policies read, or Malformed and nothing else."""

import contextlib

from appliance.asn1.extension import general_names, policies
from appliance.asn1.extension.general_names import NameConstraints, NameKind
from appliance.errors import Malformed
from appliance.pki.validation.constraints import is_allowed

_DECODERS = (
    policies.decode_certificate_policies,
    policies.decode_policy_mappings,
    policies.decode_policy_constraints,
    policies.decode_inhibit_any_policy,
)
_HOSTS = (NameKind.DNS, NameKind.EMAIL, NameKind.URI, NameKind.IP)


def one_input(data: bytes) -> None:
    for decode in _DECODERS:
        with contextlib.suppress(Malformed):
            decode(data)
    with contextlib.suppress(Malformed):
        names = general_names.decode_general_names(data)
        assert all(name.value in data for name in names)
        for name in names:
            excluded = not is_allowed(name, [NameConstraints((), (name,))])
            assert excluded or name.kind in _HOSTS  # whose subtrees are written otherwise
    with contextlib.suppress(Malformed):
        found = general_names.decode_name_constraints(data)
        for base in (*found.permitted, *found.excluded):
            is_allowed(base, [found])
