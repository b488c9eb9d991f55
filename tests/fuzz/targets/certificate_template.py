"""Certificate templates: what is read is written the same; what keeps its bounds issues in them."""

from kit.authority import authority, signing

from appliance.asn1.x509 import Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed, Refused
from appliance.pki.issuing import Addresses, issue_from
from appliance.pki.templates.bounds import check_certificate, check_template
from appliance.pki.templates.template import decode_template, encode_template
from appliance.quantities import US_PER_S, Utc

FIELDS = {
    "uid": "10023",
    "name": "张三",
    "organization": "第一医院",
    "department": "心内科",
    "email": "a@b.example",
    "dns": "a.example",
    "ip": "10.0.0.1",
    "device": "D-7",
}
FROM = Utc.parse_generalized_time(b"20260301000000Z")


def one_input(data: bytes) -> None:
    try:
        template = decode_template(data)
    except (Malformed, Refused):
        return
    assert decode_template(encode_template(template)) == template
    try:
        check_template(template)
    except Refused:
        return
    made = authority(KeyAlgorithm.P256)
    try:
        encoded = issue_from(
            template,
            FIELDS,
            made.tsa.certificate.spki,
            serial_number=b"\x05",
            validity=Validity(FROM, Utc(FROM.posix_us + template.validity_s * US_PER_S)),
            issuer=made.root.identity,
            addresses=Addresses(),
            sign=signing(made.root.key),
        )
    except (Malformed, Refused):
        return
    check_certificate(decode_certificate(encoded), template.kind)
