"""Build the optional C core from the box's own source; all else stands in pyproject.toml.

In a checkout the source is taken from appliance/crypto/native and copied to `native`, where a
source distribution carries it; its two names of the box's package are written anew on the way.
"""

import shutil
from pathlib import Path

from setuptools import Extension, setup

HERE = Path(__file__).resolve().parent
ORIGIN = HERE.parents[2] / "appliance" / "crypto" / "native"
COPY = HERE / "native"
NAMES = {
    "appliance.errors": "shiyin_cosign.errors",
    "appliance.crypto._native": "shiyin_cosign._native",
}


def copy_source() -> None:
    """Bring the copy up to date where the box's source is beside us."""
    if not ORIGIN.is_dir():
        return
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir()
    for source in sorted(ORIGIN.glob("*.[ch]")):
        text = source.read_text("utf-8")
        for ours, theirs in NAMES.items():
            text = text.replace(ours, theirs)
        (COPY / source.name).write_text(text, "utf-8")


copy_source()
setup(
    ext_modules=[
        Extension(
            "shiyin_cosign._native",
            sources=sorted(f"native/{source.name}" for source in COPY.glob("*.c")),
            depends=sorted(f"native/{header.name}" for header in COPY.glob("*.h")),
            # The flags under which the box's gate finds the core constant in time.
            extra_compile_args=[
                "-O3",
                "-fno-tree-vectorize",
                "-fno-tree-slp-vectorize",
                "-fstack-protector-strong",
                "-fvisibility=hidden",
                "-std=c11",
            ],
            # Without a C compiler the package works on OpenSSL.
            optional=True,
        )
    ]
)
