"""Writes the seeds of every target: `python tests/fuzz/seeds.py`.

They come from the product's own encoders, the standards' vectors and openssl.  Keys are made anew
and thrown away, so every token and certificate changes; the other seeds do not.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs
import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kit import (
    authority,
    certificates,
    client_seeds,
    crls,
    device_seeds,
    exchange_seeds,
    gnss_seeds,
    issuing_seeds,
    ledgers,
    ocsp_seeds,
    openssl,
    pages,
    path_seeds,
    phone_seeds,
    signature_seeds,
    stamping,
    tokens,
)
from kit.authority import Subject
from kit.clock import GOOD
from kit.frames import framed
from kit.fuzzing import ROOT, block, corpus_folder, target_names

from appliance.asn1 import der, oids, pem
from appliance.asn1.signed import cms
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.tsp import (
    PKIFailureInfo,
    PKIStatus,
    decode_response,
    encode_rejection,
    encode_request,
    encode_status,
)
from appliance.crypto import sealing
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.secret import SecretBuffer
from appliance.quantities import Utc
from appliance.services.messages import (
    Facts,
    Frame,
    Hello,
    KeysAsk,
    PollAsk,
    PollReply,
    PollState,
    ProfileOffer,
    StampAsk,
    StampBatch,
    StampReplies,
    StatusAsk,
)
from appliance.store.ledger.heads import Head, encode_head
from appliance.timing.trusted import ClockState, Leap
from appliance.tsp import record
from appliance.tsp.authority import Ask, Prepared
from appliance.tsp.verifying.report import Sm2Id
from fuzz.targets import sealed_key, token

Seeds = Mapping[str, bytes]

VECTORS = json.loads((ROOT / "tests" / "vectors" / "sm2_gbt_32918_5.json").read_text("utf-8"))


def main() -> None:
    """Write all of them, in place of those that were there."""
    with tempfile.TemporaryDirectory() as scratch:
        foreign = ForeignAuthority(Path(scratch) / "tsa")
        trusted = [authority.authority(each).root.certificate.der for each in KeyAlgorithm]
        roots = b"".join(pem.write("CERTIFICATE", each) for each in [*trusted, foreign.root])
        written = {
            "timestamp_request": requests(foreign),
            "token": token_seeds(foreign),
            "certificate": certificate_seeds(foreign),
            "revocation_list": list_seeds(),
            "verify_question": question_seeds(foreign),
            "pem_text": pem_seeds(roots, foreign),
            "ipc_frames": {name: framed(frame) for name, frame in frames().items()},
            "time_page": page_seeds(),
            "ledger_row": row_seeds(),
            "token_template": template_seeds(),
            "ledger_head": head_seeds(),
            "ledger_batch": ledgers.batch_bodies(),
            "sealed_key": sealed_seeds(),
            "settings_file": settings_seeds(),
            "native_core": native_seeds(),
            "signer_judgement": judgement_seeds(),
            **gnss_seeds.all_seeds(),
            **device_seeds.all_seeds(),
            **path_seeds.all_seeds(),
            **ocsp_seeds.all_seeds(),
            **signature_seeds.all_seeds(),
            **issuing_seeds.all_seeds(),
            **exchange_seeds.all_seeds(),
            **client_seeds.all_seeds(),
            **phone_seeds.all_seeds(),
        }
    assert sorted(written) == target_names()
    for target, seeds in written.items():
        write(corpus_folder(target), seeds)
    token.ROOTS.write_bytes(roots)


def write(folder: Path, seeds: Seeds) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("seed-*"):
        old.unlink()
    for name, octets in seeds.items():
        (folder / f"seed-{name}").write_bytes(octets)


class ForeignAuthority:
    """`openssl ts` as an authority: its certificates, queries and replies."""

    def __init__(self, folder: Path) -> None:
        made = openssl.make_tsa(folder, "p256")
        document = folder / "document"
        document.write_bytes(tokens.DOCUMENT)
        self.root, self.tsa = (
            pem.read_one(path.read_bytes(), "CERTIFICATE") for path in (made.root, made.tsa)
        )
        self.text = openssl.run("x509", "-in", made.root, "-text").encode()
        self.queries: dict[str, bytes] = {}
        self.replies: dict[str, bytes] = {}
        for digest in ("sha256", "sm3"):
            query = openssl.make_query(document, digest=digest)
            self.queries[digest] = query.read_bytes()
            self.replies[digest] = made.reply(query).read_bytes()


# --- what clients send ----------------------------------------------------------------------------


def requests(foreign: ForeignAuthority) -> Seeds:
    plain = stamping.request()
    return {
        **{f"openssl-{digest}": query for digest, query in foreign.queries.items()},
        "sm3": plain,
        "sha512-null": stamping.request(oids.SHA512, null=True),
        "sha384-all": stamping.request(
            oids.SHA384, tail=[der.oid("2.999.1"), der.integer(-(1 << 511)), der.TRUE]
        ),
        "sha1": stamping.request("1.3.14.3.2.26", imprint=bytes(20)),
        "version-2": stamping.request(version=2),
        "cert-req-false": stamping.request(tail=[b"\x01\x01\x00"]),
        "policy-unknown": stamping.request(tail=[der.oid("1.2.156.10197.1.401")]),
        "extensions": stamping.request(tail=[der.tlv(der.context(0), der.sequence())]),
        "trailing": plain + b"\0",
        "short-imprint": stamping.request(imprint=bytes(31)),
    }


# --- what authorities sign ------------------------------------------------------------------------


def token_seeds(foreign: ForeignAuthority) -> Seeds:
    """Make tokens; `genuine-*` are all that the trusted authorities have ever signed."""
    sm2, p256, rsa = (authority.authority(each).tsa for each in KeyAlgorithm)
    genuine = {
        "sm2": tokens.Recipe(signer=sm2).token(),
        "p256": tokens.Recipe(signer=p256).token(),
        "rsa": tokens.Recipe(signer=rsa).token(),
        "gmt": tokens.Recipe(signer=sm2, content_type=oids.GMT0010_SIGNED_DATA, version=1).token(),
        **{
            f"openssl-{digest}": decode_response(reply).token
            for digest, reply in foreign.replies.items()
        },
    }
    sound = tokens.Recipe(signer=sm2)
    return {
        **{f"genuine-{name}": encoded for name, encoded in genuine.items()},
        "openssl-response": foreign.replies["sha256"],
        "sm2-response": sound.response(),
        "sm2-empty-id": tokens.Recipe(signer=sm2, sm2_id=Sm2Id.EMPTY).token(),
        "sm2-no-z": tokens.Recipe(signer=sm2, sm2_id=Sm2Id.NO_Z).token(),
        "key-identifier": by_key_identifier(p256),
        "no-certificate": tokens.Recipe(signer=p256, certificates=()).token(),
        "ess-v1": tokens.Recipe(signer=p256, signing_certificate=ess_v1(p256)).token(),
        "rejection": encode_rejection(PKIFailureInfo.badAlg, "no"),
        "waiting": encode_status(PKIStatus.WAITING),
        "tst-info": tokens.tst_info(tsa=der.tlv(der.context(4), sm2.certificate.subject.der)),
        "tst-info-ordering": tokens.tst_info(ordering=True, accuracy_us=2_003_004),
    }


def by_key_identifier(signer: Subject) -> bytes:
    identifier = signer.certificate.extensions.subject_key_id
    assert identifier is not None
    named = der.tlv(der.context(0, constructed=False), identifier)
    return tokens.Recipe(signer=signer, signer_version=3, signer_id=named).token()


def ess_v1(signer: Subject) -> bytes:
    return cms.attribute(oids.SIGNING_CERTIFICATE, tokens.ess_v1(signer.certificate))


def certificate_seeds(foreign: ForeignAuthority) -> Seeds:
    ours = {
        f"{each.value}-{kind}": getattr(authority.authority(each), kind).certificate.der
        for each in KeyAlgorithm
        for kind in ("root", "tsa")
    }
    other = certificates.signer_certificate().certificate
    return {**ours, "openssl-root": foreign.root, "openssl-tsa": foreign.tsa, "library": other}


def list_seeds() -> Seeds:
    made = authority.authority(KeyAlgorithm.SM2)
    certificate = made.tsa.certificate
    later = crls.after_stamping(2)
    crl = crls.List(issuer=made.root)
    return {
        "empty": crl.der(),
        "revoked": attrs.evolve(crl, entries=(crls.revoked(certificate, later),)).der(),
        "on-hold": attrs.evolve(
            crl, entries=(crls.revoked(certificate, later, CrlReason.CERTIFICATE_HOLD),)
        ).der(),
        "scope": attrs.evolve(
            crl, extensions=(crls.distribution_point(1, uri=b"http://a/crl"),)
        ).der(),
        "v1": attrs.evolve(crl, version=b"", next_update=None).der(),
        "points": der.sequence(
            der.sequence(der.tlv(der.context(0), der.tlv(der.context(0), crls.uri_name(b"a:b"))))
        ),
    }


def question_seeds(foreign: ForeignAuthority) -> Seeds:
    token = tokens.Recipe(signer=authority.authority(KeyAlgorithm.SM2).tsa).token()
    crl = crls.List(issuer=authority.authority(KeyAlgorithm.SM2).root).der()
    imprint = tokens.hashed(oids.SHA256, tokens.DOCUMENT)
    return {
        name: msgspec.json.encode(question)
        for name, question in {
            "document": {"token": token, "document": tokens.DOCUMENT},
            "document-first": {"document": tokens.DOCUMENT, "token": foreign.replies["sha256"]},
            "digest": {"token": token, "digest": {"algorithm": "SHA-256", "value": imprint}},
            "digest-hex": {
                "token": b"",
                "digest": {"algorithm": "sha256", "value": imprint.hex()},
                "nonce": "0x1f2e3d4c5b6a7988",
                "policy": tokens.POLICY,
            },
            "crl": {"token": token, "document": tokens.DOCUMENT, "crls": [crl], "nonce": 1},
            "certificates": {
                "token": token,
                "document": b"another",
                "certificates": pem.write("CERTIFICATE", foreign.tsa).decode(),
            },
            "unknown": {"colour": 1},
        }.items()
    }


def pem_seeds(roots: bytes, foreign: ForeignAuthority) -> Seeds:
    one = pem.write("CERTIFICATE", b"one")
    return {
        "roots": roots[:1500],
        "openssl-text": foreign.text,
        "crlf": one.replace(b"\n", b"\r\n"),
        "other-label": pem.write("PRIVATE KEY", b"two") + one,
        "empty": pem.write("CERTIFICATE", b""),
        "torn": one[:-5],
        "not-base64": one.replace(b"=", b"!"),
    }


# --- between and inside processes -----------------------------------------------------------------


def frames() -> Mapping[str, Frame]:
    asks = [StampAsk("sm2", stamping.request(), b"\x7f\0\0\1\0\0")]
    return {
        "hello": Hello(1, (ProfileOffer("sm2", "sm2"), ProfileOffer("p256", "p256"))),
        "stamp": StampBatch(7, asks * 2),
        "stamp-patient": StampBatch(8, asks, may_poll=True),
        "poll": PollAsk(9, 0xFFFFFFFF, b"\x7f\0\0\1\0\0"),
        "polled": PollReply(9, b"response"),
        "polled-state": PollReply(9, PollState.UNKNOWN),
        "stamped": StampReplies(7, [b"response", 5]),
        "status": StatusAsk(),
        "keys": KeysAsk(),
        "facts": Facts({"role": "signer", "keys": [1, 2.5, None, True, {"a": b"b"}]}),
    }


def page_seeds() -> Seeds:
    sound = pages.slot(1)
    leap = pages.slot(2, leap=Leap.INSERT, leap_at_tai_ns=pages.TAI_NS + 1_000_000_000)
    return {
        "one": pages.page_of(sound),
        "two": pages.page_of(sound, pages.slot(2, bound_growth_e12=1000, rate_e12=-50_000)),
        "leap": pages.page_of(leap),
        "cold": pages.page_of(pages.slot(3, state=ClockState.COLD)),
        "row": b"".join(pages.page_of(pages.slot(each, raw_ns=pages.RAW_NS)) for each in range(4)),
        "torn": pages.page_of(sound)[:-1],
        "same-sequence": pages.page_of(sound)
        + pages.page_of(pages.slot(1, tai_ns=pages.TAI_NS - 3600 * 10**9)),
    }


def prepared(profile: str) -> Prepared:
    made = stamping.prepare_one(
        stamping.make_authority(),
        Ask(profile, encode_request(hash_algorithm=oids.SM3, imprint=bytes(32), nonce=1)),
        GOOD,
    )
    assert isinstance(made, Prepared)
    return made


def row_seeds() -> Seeds:
    return {
        name: record.encode(prepared(name).record(stamping.signature_for(name), b"\x7f\0\0\1\0\0"))
        for name in stamping.PROFILES
    }


def template_seeds() -> Seeds:
    return {
        name: stamping.make_template(profile).to_bytes()
        for name, profile in stamping.PROFILES.items()
    }


def head_seeds() -> Seeds:
    first = encode_head(Head(1, bytes(32), Utc(0), b""))[:-1]
    return {
        "first": first,
        "last": encode_head(Head((1 << 63) - 1, b"\xff" * 32, Utc(-(1 << 63)), bytes(64)))[:-1],
        "spaced": msgspec.json.format(first),
        "version-2": first.replace(b'"v":1', b'"v":2'),
    }


def sealed_seeds() -> Seeds:
    made = {}
    for algorithm, size in ((KeyAlgorithm.SM2, 32), (KeyAlgorithm.P256, 138)):
        header = sealing.KeyHeader("tsa", algorithm, "demo", "tsa", bytes(64))
        with SecretBuffer(size) as secret:
            made[algorithm.value] = sealing.seal(sealed_key.kek(), header, secret)
    altered = bytearray(made["sm2"])
    altered[20] ^= 1
    return {
        **{f"genuine-{name}": blob for name, blob in made.items()},
        "altered": bytes(altered),
        "short": made["sm2"][:60],
    }


def settings_seeds() -> Seeds:
    shown = (ROOT / "config" / "appliance.toml").read_bytes()
    return {
        "defaults": shown,
        "empty": b"",
        "production": b'mode = "production"\n',
        "profiles": b'mode = "production"\nnode = 9\n[[tsp.policy]]\noid = "1.2.156.99"\n'
        b'max_bound_us = 5\n[[tsp.profile]]\nname = "sm2"\nkey = "k"\nalgorithm = "sm2"\n'
        b'policies = ["1.2.156.99"]\nform = "gmt"\nchain = true\n[listen]\ntsp_http_port = 0\n'
        b'[time]\nsource = "system"\n[ledger]\nsegment_rows = 1000\n',
        "unknown": b"spelling = 1\n",
        "out-of-range": b"node = 128\n",
        "no-toml": b"node = \n",
        "not-utf8": b'mode = "\xff"\n',
        "date": b"node = 1979-05-27T07:32:00Z\n",
    }


def native_seeds() -> Seeds:
    public, digest, signature, private = (
        bytes.fromhex(VECTORS[name]) for name in ("public", "e", "signature", "private")
    )
    sound = block(public) + block(digest) + block(signature)
    return {
        **{f"call-{kind}": bytes((kind,)) + sound + bytes(3) for kind in range(8)},
        "shapes": b"\0" + sound + bytes((3, 4, 5)),
        "texts": b"\1" + sound + bytes((6, 7, 8)),
        "lists": b"\2" + sound + bytes((9, 10, 1)),
        "sign": b"\6" + block(private) + block(digest) * 2 + bytes(3),
        "export": b"\7" + block(private) + block(bytes(32)) + block(b"") + b"\0\1\0",
        "short": b"\0" + block(public[:63]) + block(digest[:31]) + block(signature[:63]) + bytes(3),
    }


def judgement_seeds() -> Seeds:
    asks = b"\2\0" + block(stamping.request(tail=[der.integer(5), der.TRUE]))
    asks += b"\1" + block(stamping.request(oids.SHA256, tail=[der.oid("2.999.2.16384")]))
    bound = (90_000).to_bytes(4, "big")

    def turn(flags: int, *, step_ns: int = 0, leap_in_ns: int = 0) -> bytes:
        leap = leap_in_ns.to_bytes(4, "big", signed=True) if flags & 4 else b""
        return bytes((flags,)) + step_ns.to_bytes(6, "big", signed=True) + bound + b"\0" + leap

    locked = ClockState.LOCKED << 3
    hardware = 2 << 6 | locked
    return {
        "hardware": b"\1\0" + (turn(hardware) + asks) * 2,
        "simulated": b"\0\0" + turn(locked) + asks,
        "system": b"\1\1" + turn(1 << 6 | locked) + asks,
        "cold": b"\1\0" + turn(2 << 6) + asks,
        "none": b"\1\0\xff" + asks,
        "back": b"\1\0" + turn(hardware) + asks + turn(hardware, step_ns=-2_000_000) + asks,
        "leap": b"\1\0" + turn(hardware | 5, leap_in_ns=1_000_100_000) + asks,
        "unknown-leap": b"\1\0" + turn(hardware | 3) + asks,
    }


if __name__ == "__main__":
    main()
