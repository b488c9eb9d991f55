"""The openssl command as an outside judge, and as a TSA whose tokens try the judges themselves."""

import subprocess
from pathlib import Path

import attrs

GUARD_S = 60.0
STANDARD_ID = "1234567812345678"

_TSA_SETTINGS = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = Judges' TSA
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
authorityKeyIdentifier = keyid
[stamping]
serial = {folder}/serial
signer_digest = sha256
default_policy = 2.999.7
digests = sha256, sha512, sm3
accuracy = secs:1
ess_cert_id_alg = sha256
"""

_KEY_OPTIONS = {
    "p256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
}


@attrs.frozen
class Verdict:
    """What openssl said and whether it accepted."""

    accepted: bool
    text: str


def ask(*arguments: str | Path) -> Verdict:
    """Run openssl; accepted when it exits with 0."""
    done = subprocess.run(
        ["openssl", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=GUARD_S,
        check=False,
    )
    return Verdict(done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace"))


def run(*arguments: str | Path) -> str:
    """Run openssl for something that must succeed."""
    verdict = ask(*arguments)
    assert verdict.accepted, verdict.text
    return verdict.text


def make_query(
    data: Path, *, digest: str, certificate: bool = True, nonce: bool = True, policy: str = ""
) -> Path:
    """Make the TimeStampReq for a file, beside it."""
    query = data.with_name(f"{data.name}.{digest}{'.cert' * certificate}{'.nonce' * nonce}.tsq")
    run(
        *("ts", "-query", "-data", data, f"-{digest}", "-out", query),
        *(("-cert",) if certificate else ()),
        *(() if nonce else ("-no_nonce",)),
        *(("-tspolicy", policy) if policy else ()),
    )
    return query


def verify(query: Path, reply: Path, *, root: Path, tsa: Path) -> Verdict:
    """Verify a reply against its query; `tsa` helps where the token has no certificate."""
    return ask(
        *("ts", "-verify", "-queryfile", query, "-in", reply),
        *("-CAfile", root, "-untrusted", tsa),
    )


@attrs.frozen
class OpensslTsa:
    """A root, and a TSA under it that `openssl ts -reply` signs for."""

    folder: Path

    @property
    def root(self) -> Path:
        """The root's certificate."""
        return self.folder / "root.pem"

    @property
    def tsa(self) -> Path:
        """The TSA's certificate."""
        return self.folder / "tsa.pem"

    def reply(self, query: Path) -> Path:
        """Answer a query, beside it."""
        reply = query.with_suffix(".tsr")
        run(
            *("ts", "-reply", "-config", self.folder / "tsa.cnf", "-section", "stamping"),
            *("-queryfile", query, "-out", reply),
            *("-signer", self.tsa, "-inkey", self.folder / "tsa.key"),
        )
        return reply


def make_tsa(folder: Path, algorithm: str) -> OpensslTsa:
    """Make keys and certificates of `algorithm`, p256 or rsa, in an empty folder."""
    folder.mkdir()
    made = OpensslTsa(folder)
    settings = folder / "tsa.cnf"
    settings.write_text(_TSA_SETTINGS.format(folder=folder), "utf-8")
    (folder / "serial").write_text("01\n", "ascii")
    for name in ("root", "tsa"):
        run("genpkey", *_KEY_OPTIONS[algorithm], "-out", folder / f"{name}.key")
    common = ("-config", settings, "-new", "-x509", "-sha256", "-days", "30")
    run("req", *common, "-key", folder / "root.key", "-extensions", "root", "-out", made.root)
    issuer = ("-CA", made.root, "-CAkey", folder / "root.key", "-subj", "/CN=Stand-in TSA")
    run("req", *common, *issuer, "-key", folder / "tsa.key", "-extensions", "tsa", "-out", made.tsa)
    return made
