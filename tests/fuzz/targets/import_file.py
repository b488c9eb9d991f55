"""A file of an import: certificates and faults, a row each, or Malformed."""

from appliance.errors import Malformed
from appliance.pki import batches


def one_input(data: bytes) -> None:
    for octets in (data, b"PK" + data):
        try:
            rows = list(batches.read_import("import", octets))
        except Malformed:
            continue
        for row in rows:
            assert (row.certificate is None) == bool(row.fault)
        found = sum(len(row.certificate.der) for row in rows if row.certificate is not None)
        assert found <= batches.MAX_OCTETS
