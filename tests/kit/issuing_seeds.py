"""The seeds of issuing: requests and certificate templates.

Requests come from us and from openssl, with keys made anew; templates are the built-in ones and
others.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from appliance.asn1 import pem
from appliance.asn1.extension import extensions
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.names import encode_name
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.requests import make_request
from appliance.pki.templates.custom_extensions import CustomExtension, ExtensionKind
from appliance.pki.templates.template import PERSON, TEMPLATES, encode_template
from kit import openssl
from kit.authority import authority, signing

Seeds = Mapping[str, bytes]

VALUES: dict[ExtensionKind, str | int | bool] = {
    ExtensionKind.UTF8: "{name}",
    ExtensionKind.IA5: "{email}",
    ExtensionKind.PRINTABLE: "Ward 7",
    ExtensionKind.INTEGER: 5,
    ExtensionKind.BOOLEAN: True,
    ExtensionKind.OCTETS: "00ff",
    ExtensionKind.OID: "1.2.156.10197.1.501",
    ExtensionKind.TIME: "2026-01-31T08:00:00Z",
    ExtensionKind.NULL: "",
    ExtensionKind.DER: "3003020105",
}


def all_seeds() -> dict[str, Seeds]:
    """Give them by target."""
    return {
        "certification_request": request_seeds(),
        "certificate_template": template_seeds(),
    }


def request_seeds() -> Seeds:
    """Make requests of every kind of key."""
    with tempfile.TemporaryDirectory() as scratch:
        return {**{each.value: ours(each) for each in KeyAlgorithm}, **theirs(Path(scratch))}


def ours(algorithm: KeyAlgorithm) -> bytes:
    """Make a request of ours."""
    subject = authority(algorithm).tsa
    asked = [extensions.key_usage({KeyUsage.DIGITAL_SIGNATURE})]
    return make_request(
        encode_name("张三", organization="第一医院", country="CN"),
        subject.certificate.spki,
        algorithm,
        signing(subject.key),
        extensions=asked,
    )


def theirs(folder: Path) -> Seeds:
    """Have openssl make requests."""
    made = {}
    for curve in ("SM2", "P-256", "P-384"):
        key, csr = folder / f"{curve}.key", folder / f"{curve}.csr"
        openssl.run(
            "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", key
        )
        distid = ("-sigopt", f"distid:{openssl.STANDARD_ID}") if curve == "SM2" else ()
        openssl.run(
            *("req", "-new", "-key", key, "-subj", "/CN=zhang/O=hospital", "-out", csr, *distid),
            *("-addext", "subjectAltName=DNS:a.example,IP:10.0.0.1"),
        )
        made[f"openssl-{curve}"] = pem.read_one(csr.read_bytes(), "CERTIFICATE REQUEST")
    return made


def template_seeds() -> Seeds:
    """Give templates within their bounds and beyond."""
    custom = msgspec.structs.replace(
        PERSON,
        policies=("2.999.1",),
        extensions=tuple(
            CustomExtension(f"2.999.{number}", kind, critical=number % 2 == 0, value=value)
            for number, (kind, value) in enumerate(VALUES.items())
        ),
    )
    toml = b'name = "t"\nkind = "grant"\nalgorithms = ["p256"]\nvalidity_hours = 1\n'
    toml += b'key_usage = ["digitalSignature"]\n[[subject]]\nattribute = "CN"\nvalue = "{name}"\n'
    return {
        **{name: encode_template(template) for name, template in TEMPLATES.items()},
        "custom": encode_template(custom),
        "toml": toml,
        "authority": encode_template(
            msgspec.structs.replace(PERSON, key_usage=("keyCertSign", "cRLSign"))
        ),
        "twice": encode_template(msgspec.structs.replace(custom, policies=("2.999.1",) * 2)),
    }
