"""Seeds of the fuzz target of signatures: our own SignedData, openssl's, and bare ones."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from appliance.asn1 import pem
from appliance.asn1.sm2 import signature_to_der
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.signatures.making import Style, sign_data
from kit import openssl
from kit.authority import STAMPED_AT, signing
from kit.signatures import DOCUMENT, signatory, signer

_STYLES = {
    "attached": Style(is_attached=True),
    "apart": Style(),
    "plain": Style(is_attached=True, has_attributes=False),
    "gmt": Style(is_attached=True, is_gmt=True),
}
_OPENSSL: dict[str, tuple[str, ...]] = {
    "streamed": ("-nodetach", "-stream"),
    "no-attributes": ("-nodetach", "-noattr"),
    "by-key": ("-keyid",),
    "no-certificates": ("-nocerts",),
}


def all_seeds() -> dict[str, Mapping[str, bytes]]:
    """Give the seeds by target."""
    sm2 = signer()
    raw = signing(sm2.key)(DOCUMENT)
    made = {
        name: sign_data(DOCUMENT, [signatory(sm2)], signed_at=STAMPED_AT, style=style)
        for name, style in _STYLES.items()
    }
    everyone = [signatory(signer(algorithm)) for algorithm in KeyAlgorithm]
    made["three"] = sign_data(DOCUMENT, everyone, style=Style(is_attached=True))
    made |= {"raw": raw, "der": signature_to_der(raw)}
    made["usb-key"] = bytes(32) + raw[:32] + bytes(32) + raw[32:]
    return {"signed_data": {**made, **_openssl()}}


def _openssl() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = openssl.make_tsa(folder / "tsa", "p256")
        document = folder / "document"
        document.write_bytes(DOCUMENT)
        written = {}
        for name, options in _OPENSSL.items():
            path = folder / f"{name}.p7s"
            openssl.run(
                *("cms", "-sign", "-binary", "-in", document, "-outform", "DER", "-out", path),
                *("-signer", made.tsa, "-inkey", made.folder / "tsa.key"),
                *options,
            )
            written[f"openssl-{name}"] = path.read_bytes()
        return {**written, "pem": pem.write("CMS", written["openssl-streamed"])}
