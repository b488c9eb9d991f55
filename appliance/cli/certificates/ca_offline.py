"""`shiyin ca sign-offline`: the root's key certifies a request, on a machine without a network."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

from appliance.asn1 import pem
from appliance.asn1.x509 import decode_certificate
from appliance.cli.context import Context, Exit, read_certificates, read_file
from appliance.crypto.api import SigningKey, Sm2Engine
from appliance.crypto.engine import choose_engine
from appliance.crypto.verifier import verify_signature
from appliance.errors import Malformed
from appliance.pki.issuing import Addresses
from appliance.services.certifying.offline import (
    Root,
    open_pem_key,
    open_sealed_key,
    sign_request,
    template_of,
)
from appliance.services.clocks import host_utc
from appliance.store.files import write_durably

_FILE_LIMIT = 1 << 16
_DAYS = {"issuing": 3650, "tsa": 3650}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the part."""
    parser.add_argument("request", type=Path, help="the PKCS#10 request, PEM")
    parser.add_argument("--issuer", type=Path, required=True, help="PEM: its certificate first")
    parser.add_argument("--key", type=Path, required=True, help="PKCS#8 PEM, or a sealed .key")
    parser.add_argument("--kek", type=Path, help="the key-encryption key of a sealed .key")
    parser.add_argument("--kind", choices=sorted(_DAYS), default="issuing")
    parser.add_argument("--days", type=int, help="default: ten years")
    parser.add_argument("--crl-url", default="", help="where the issuer's revocation list is")
    parser.add_argument("--out", type=Path, required=True, help="write the whole chain here")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Certify the request and write the chain, ready for `shiyin ca import`."""
    engine = choose_engine().engine
    csr = pem.read_one(read_file(chosen.request, _FILE_LIMIT), "CERTIFICATE REQUEST")
    issuers = read_certificates(chosen.issuer)
    key = _open_key(chosen, engine)
    certificate = sign_request(
        csr,
        Root(issuers[0], key),
        template_of(chosen.kind, Addresses(crl=chosen.crl_url)),
        days=chosen.days or _DAYS[chosen.kind],
        now=host_utc(),
        verify=functools.partial(verify_signature, engine),
    )
    key.close()
    chain = [certificate, *(each.der for each in issuers)]
    text = b"".join(pem.write("CERTIFICATE", each) for each in chain)
    write_durably(chosen.out, text, mode=0o644)
    made = decode_certificate(certificate)
    context.show(
        {
            "subject": str(made.subject),
            "issuer": str(made.issuer),
            "not_after": made.validity.not_after.isoformat(),
            "written": chosen.out,
        }
    )
    return Exit.OK


def _open_key(chosen: argparse.Namespace, engine: Sm2Engine) -> SigningKey:
    content = read_file(chosen.key, _FILE_LIMIT)
    if content.startswith(b"SYK1"):
        if chosen.kek is None:
            raise Malformed("a sealed key needs --kek")
        return open_sealed_key(content, read_file(chosen.kek, 64), engine)
    return open_pem_key(content, engine)
