"""OpenSSL and BouncyCastle as judges of the cases in `kit.chains`."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from appliance.asn1 import oids, pem
from appliance.pki.validation.constraints import is_address
from appliance.pki.validation.purposes import Purpose
from appliance.pki.validation.question import RevocationDemand
from kit import bouncycastle, openssl
from kit.chains.case import Case

SOURCE = bouncycastle.SOURCE.with_name("PathJudge.java")

_OPENSSL_PURPOSES = {
    Purpose.ANY: "any",
    Purpose.SERVER: "sslserver",
    Purpose.CLIENT: "sslclient",
    Purpose.DEVICE: "sslclient",
    Purpose.PERSON: "smimesign",
    Purpose.OCSP: "ocsphelper",
    Purpose.TIMESTAMPING: "timestampsign",
}
_OIDS = {
    Purpose.ANY: "",
    Purpose.SERVER: oids.SERVER_AUTH,
    Purpose.CLIENT: oids.CLIENT_AUTH,
    Purpose.DEVICE: oids.CLIENT_AUTH,
    Purpose.PERSON: oids.EMAIL_PROTECTION,
    Purpose.OCSP: oids.OCSP_SIGNING,
    Purpose.TIMESTAMPING: oids.TIME_STAMPING,
}


def write(case: Case, folder: Path) -> None:
    """Write what a case is made of into a new folder."""
    folder.mkdir()
    for name, label, items in (
        ("leaf", "CERTIFICATE", (case.leaf,)),
        ("chain", "CERTIFICATE", case.intermediates),
        ("roots", "CERTIFICATE", case.roots),
        ("crls", "X509 CRL", case.crls),
    ):
        (folder / f"{name}.pem").write_bytes(b"".join(pem.write(label, each) for each in items))


def ask_openssl(case: Case, folder: Path) -> openssl.Verdict:
    """Give the verdict of `openssl verify`, which keeps keys to 112 bits of strength and more."""
    policies = sorted(case.policies) or [oids.ANY_POLICY]
    return openssl.ask(
        *("verify", "-no-CApath", "-no-CAstore", "-auth_level", "2", "-attime", str(case.at_s)),
        *("-purpose", _OPENSSL_PURPOSES[case.purpose]),
        *(("-untrusted", folder / "chain.pem") if case.intermediates else ()),
        *(("-CRLfile", folder / "crls.pem") if case.crls else ()),
        *(
            ("-crl_check_all", "-use_deltas", "-extended_crl")
            * (case.demand is RevocationDemand.CHAIN)
        ),
        *(() if case.asked is None else (_openssl_name(case.asked), case.asked)),
        *(word for policy in policies for word in ("-policy", policy)),
        *(("-explicit_policy",) if case.policies else ("-policy_check",)),
        *("-CAfile", folder / "roots.pem", folder / "leaf.pem"),
    )


def _openssl_name(asked: str) -> str:
    if is_address(asked):
        return "-verify_ip"
    return "-verify_email" if "@" in asked else "-verify_hostname"


@attrs.frozen(eq=False)
class PathJudge:
    """The running BouncyCastle."""

    process: subprocess.Popen[str]

    def ask(self, case: Case, folder: Path) -> openssl.Verdict:
        """Give its verdict of one case."""
        questions, answers = self.process.stdin, self.process.stdout
        assert questions is not None
        assert answers is not None
        questions.write("\t".join(_fields(case, folder)) + "\n")
        questions.flush()
        text = answers.readline().rstrip("\n")
        return openssl.Verdict(text == "OK", text)


def _fields(case: Case, folder: Path) -> Sequence[str]:
    asked = case.asked or ""
    tag = "7" if is_address(asked) else "1" if "@" in asked else "2" if asked else ""
    return (
        str(folder),
        str(case.at_s),
        str(int(case.demand is RevocationDemand.CHAIN)),
        _OIDS[case.purpose],
        str(int(case.purpose is not Purpose.ANY)),
        tag,
        asked,
        ",".join(sorted(case.policies)),
    )


@contextlib.contextmanager
def path_judge(folder: Path) -> Iterator[PathJudge]:
    """Compile the judge into `folder` and run it."""
    subprocess.run(
        ["javac", "-cp", bouncycastle.CLASS_PATH, "-d", folder, SOURCE],
        check=True,
        timeout=bouncycastle.COMPILE_GUARD_S,
    )
    places = f"{folder}:{bouncycastle.CLASS_PATH}"
    with subprocess.Popen(
        ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", places, SOURCE.stem],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield PathJudge(process)
