"""`shiyin verify TOKEN`: judge a token or reply against its document, under the box's roots.

No box is needed where --ca names the roots.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

from appliance.asn1 import pem
from appliance.asn1.status import crl
from appliance.asn1.status.crl import CertificateList, decode_crl
from appliance.cli.context import Context, Exit, read_certificates, read_file, tell
from appliance.cli.stamp import HASH_OIDS, hash_file
from appliance.crypto.engine import choose_engine
from appliance.errors import Malformed
from appliance.quantities import NS_PER_US, Utc
from appliance.services.clocks import read_host_clock
from appliance.tsp.hashes import HASHES, Imprint, digest_imprint
from appliance.tsp.verifying.facts import report_facts
from appliance.tsp.verifying.report import Verdict
from appliance.tsp.verifying.verification import Evidence, Expected, Trust, verify_token

_TOKEN_LIMIT = 1 << 20
_LIST_LIMIT = 2 * crl.MAX_OCTETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.add_argument("token", type=Path, help="a TimeStampResp or TimeStampToken in DER")
    document = parser.add_mutually_exclusive_group()
    document.add_argument("--document", type=Path, help="default: TOKEN without its .tsr")
    document.add_argument("--digest", metavar="HASH:HEX", help="e.g. sm3:66c7f0f4...")
    parser.add_argument("--ca", type=Path, help="PEM file of roots; default: those of the box")
    parser.add_argument("--untrusted", type=Path, help="PEM file of further certificates")
    parser.add_argument(
        "--crl",
        type=Path,
        action="append",
        default=[],
        help="file of a revocation list, DER or PEM; may be given several times",
    )
    parser.add_argument("--policy", metavar="OID", help="the policy it must be under")
    parser.add_argument("--nonce", type=_integer, help="the nonce of the request, as 0x...")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Verify one token."""
    roots = read_certificates(chosen.ca or Path(context.ready().ca_cert))
    extra = read_certificates(chosen.untrusted) if chosen.untrusted else []
    token = read_file(chosen.token, _TOKEN_LIMIT)
    lists = [each for path in chosen.crl for each in _read_lists(path)]
    now = Utc(read_host_clock().posix_ns // NS_PER_US)
    expected = Expected(_imprint(chosen), chosen.nonce, chosen.policy)
    trust = Trust.under(choose_engine(will_sign=False).engine, roots)
    report = verify_token(token, expected, trust, Evidence(extra, lists, now))
    facts = report_facts(report)
    if not context.is_json:
        facts["revocation"] = [str(status) for status in report.revocation]
    context.show(facts)
    return Exit.OK if report.verdict is Verdict.VALID else Exit.REFUSED


def _integer(text: str) -> int:
    return int(text, 0)


def _read_lists(path: Path) -> list[CertificateList]:
    """Read the lists of a file.  Raises NotFound, Malformed."""
    content = read_file(path, _LIST_LIMIT)
    if not content.startswith(b"-----"):
        return [decode_crl(content)]
    blocks = pem.read_all(content, "X509 CRL", limit=_LIST_LIMIT)
    if not blocks:
        raise Malformed(f"{path} holds no PEM revocation list")
    return [decode_crl(block) for block in blocks]


def _imprint(chosen: argparse.Namespace) -> Imprint:
    if chosen.digest:
        name, _, text = chosen.digest.partition(":")
        if name not in HASH_OIDS:
            raise Malformed(f"--digest begins with one of {', '.join(HASH_OIDS)} and a colon")
        try:
            return digest_imprint(HASH_OIDS[name], bytes.fromhex(text))
        except ValueError:
            raise Malformed("--digest ends with hexadecimal digits") from None
    document = chosen.document
    if document is None and chosen.token.suffix == ".tsr" and chosen.token.with_suffix("").exists():
        document = chosen.token.with_suffix("")
        tell(f"document: {document}")
    if document is None:
        raise Malformed("name the document with --document, or its hash with --digest")
    return functools.partial(_file_imprint, document)


def _file_imprint(document: Path, algorithm: str) -> bytes | None:
    name = HASHES.get(algorithm)
    return None if name is None else hash_file(document, name)
