"""`shiyin verify TOKEN`: judge a token or reply against its document, under the box's roots."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

from appliance.cli.context import Context, Exit, read_certificates, read_file, tell
from appliance.cli.rendering import report_facts
from appliance.cli.stamp import HASH_OIDS, hash_file
from appliance.crypto.engine import choose_engine
from appliance.errors import Malformed
from appliance.tsp.hashes import HASHES, Imprint, digest_imprint
from appliance.tsp.report import Verdict
from appliance.tsp.verification import Expected, Trust, verify_token

_TOKEN_LIMIT = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.add_argument("token", type=Path, help="a TimeStampResp or TimeStampToken in DER")
    document = parser.add_mutually_exclusive_group()
    document.add_argument("--document", type=Path, help="default: TOKEN without its .tsr")
    document.add_argument("--digest", metavar="HASH:HEX", help="e.g. sm3:66c7f0f4...")
    parser.add_argument("--ca", type=Path, help="PEM file of roots; default: those of the box")
    parser.add_argument("--untrusted", type=Path, help="PEM file of further certificates")
    parser.add_argument("--policy", metavar="OID", help="the policy it must be under")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Verify one token."""
    roots = read_certificates(chosen.ca or Path(context.ready().ca_cert))
    extra = read_certificates(chosen.untrusted) if chosen.untrusted else []
    token = read_file(chosen.token, _TOKEN_LIMIT)
    expected = Expected(_imprint(chosen), policy=chosen.policy)
    report = verify_token(token, expected, Trust.under(choose_engine().engine, roots), extra)
    context.show(report_facts(report))
    return Exit.OK if report.verdict is Verdict.VALID else Exit.REFUSED


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
