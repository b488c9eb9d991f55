"""`shiyin stamp FILE`: hash a file, ask the box for a timestamp, keep the reply beside the file."""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

from appliance.asn1 import der, oids
from appliance.asn1.signed.cms import decode_token
from appliance.asn1.tsp import (
    PKIFailureInfo,
    PKIStatus,
    TSTInfo,
    decode_response,
    decode_tst_info,
    encode_request,
)
from appliance.cli.context import Context, Exit, tell
from appliance.errors import Malformed, NotFound, Refused
from appliance.tsp.verifying.facts import time_facts
from appliance.wire.tsp.client import post_query

HASH_OIDS = {
    "sm3": oids.SM3,
    "sha256": oids.SHA256,
    "sha384": oids.SHA384,
    "sha512": oids.SHA512,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.add_argument("file", type=Path, help="what to stamp; only its hash leaves this machine")
    parser.add_argument("--profile", default="", help="sm2 (default), p256, rsa or gmt")
    parser.add_argument("--hash", choices=HASH_OIDS, default="sm3", help="default: sm3")
    parser.add_argument("--policy", metavar="OID", help="ask for this policy")
    parser.add_argument("--url", help="another authority; default: the box's own")
    parser.add_argument("--out", type=Path, help="where the reply goes; default: FILE.tsr")
    parser.add_argument("--no-cert", action="store_true", help="leave the certificate out")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Stamp one file."""
    url = chosen.url or context.ready().tsp_http
    if chosen.profile:
        url = f"{url.rstrip('/')}/{chosen.profile}"
    imprint = hash_file(chosen.file, chosen.hash)
    nonce = int.from_bytes(os.urandom(8), "big") | 1
    request = encode_request(
        hash_algorithm=HASH_OIDS[chosen.hash],
        imprint=imprint,
        req_policy=chosen.policy,
        nonce=nonce,
        cert_req=not chosen.no_cert,
    )
    reply = post_query(url, request)
    info = granted(reply)
    if info.imprint != imprint or info.nonce_tlv != der.integer(nonce):
        raise Refused("the reply is not to this request: imprint or nonce differ")
    out = chosen.out or chosen.file.with_name(chosen.file.name + ".tsr")
    out.write_bytes(reply)
    if not context.is_json:
        tell(f"stamped {chosen.file} -> {out}")
    context.show({"token": str(out), **time_facts(info), "url": url})
    return Exit.OK


def hash_file(path: Path, name: str) -> bytes:
    """Hash a file of any size.  Raises NotFound."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, name).digest()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except IsADirectoryError:
        raise Malformed(f"{path} is a folder; stamp its files, or an archive of it") from None


def granted(reply: bytes) -> TSTInfo:
    """Take the TSTInfo out of a TimeStampResp.  Raises Refused with the authority's reason."""
    response = decode_response(reply)
    if response.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        names = {failure.value: failure.name for failure in PKIFailureInfo}
        bit = names.get(response.failure, "") if response.failure is not None else ""
        raise Refused(f"the authority refused ({bit}): {'; '.join(response.status_texts)}")
    return decode_tst_info(decode_token(response.token).econtent)
