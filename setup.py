"""Build the optional SM2 core; everything else about the distribution stands in setup.cfg."""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("appliance/crypto/native")

setup(
    ext_modules=[
        Extension(
            "appliance.crypto._native",
            sources=sorted(str(source) for source in NATIVE.glob("*.c")),
            depends=sorted(str(header) for header in NATIVE.glob("*.h")),
            # The flags that ship are the flags the constant-time gate checks (tests/crypto).  GCC's
            # SLP vectoriser costs 25-110 % on field arithmetic, hence -fno-tree-vectorize.
            extra_compile_args=[
                "-O3",
                "-fno-tree-vectorize",
                "-fno-tree-slp-vectorize",
                "-fstack-protector-strong",
                "-fvisibility=hidden",
                "-Wall",
                "-Wextra",
                "-std=c11",
            ],
            # A machine without a C compiler still installs: the libcrypto engine takes over.
            optional=True,
        )
    ]
)
