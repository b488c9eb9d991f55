# shellcheck shell=sh
# Makes the Python environment that every program here needs; sourced, not run.
# Sets ROOT (the checkout) and PYTHON (the interpreter of the environment).

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
VENV=${SHIYIN_VENV:-$ROOT/.venv}
PYTHON=$VENV/bin/python

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in ${SHIYIN_PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    say "Shiyin needs Python 3.11 or later, and none is on the PATH."
    return 1
}

# A Debian without python3-venv still has the venv module, only not pip's installer in it.  Then the
# system's own pip, if there is one, installs into the environment from outside.
make_venv() {
    base=$(find_python) || return 1
    rm -rf "$VENV"
    if "$base" -c 'import ensurepip' 2>/dev/null && "$base" -m venv "$VENV" >/dev/null 2>&1; then
        return 0
    fi
    rm -rf "$VENV"
    if "$base" -m pip --version >/dev/null 2>&1; then
        say "python3-venv is missing; using the system's pip instead"
        "$base" -m venv --without-pip "$VENV"
        return 0
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "python3-venv is missing; installing it"
        { apt-get update -qq && apt-get install -y -qq python3-venv; } >&2 || return 1
        "$base" -m venv "$VENV"
        return 0
    fi
    say "This machine has neither python3-venv nor pip.  Run:  apt-get install python3-venv"
    return 1
}

pip_install() {
    if [ -x "$VENV/bin/pip" ]; then
        "$PYTHON" -m pip --disable-pip-version-check install -q "$@" >&2
    else
        "$(find_python)" -m pip --disable-pip-version-check --python "$PYTHON" install -q "$@" >&2
    fi
}

# Says what the environment of the lock file $1 is made from, and where that is noted.
make_stamp() {
    stamp=$VENV/shiyin-$(printf '%s' "$1" | tr / -).stamp
    wanted=$(cd "$ROOT" && cat "$1" setup.cfg setup.py appliance/crypto/native/* 2>/dev/null | cksum)
    # A compiler that comes later builds the native core then.
    wanted="$wanted $(command -v "${CC:-cc}" || echo no compiler)"
}

# $1 names the lock file.  The stamp is the text of everything the environment is made from, so that
# a change to any of it makes the environment again.
make_environment() {
    make_stamp "$1"
    if [ -x "$PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return 0
    fi
    say "making the environment (once) ..."
    [ -x "$PYTHON" ] || make_venv || exit 1
    pip_install --require-hashes -r "$ROOT/requirements.lock" || exit 1
    if [ "$1" != requirements.lock ]; then
        pip_install --require-hashes -r "$ROOT/$1" || exit 1
    fi
    if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
        say "no C compiler here: SM2 will run on the libcrypto engine, at a tenth of the speed"
    fi
    # What setuptools warns of are its plans for other projects' settings.
    PYTHONWARNINGS=ignore pip_install --no-build-isolation --no-deps -e "$ROOT" || exit 1
    printf '%s' "$wanted" >"$stamp"
    if [ "$1" != requirements.lock ]; then
        make_stamp requirements.lock && printf '%s' "$wanted" >"$stamp"
    fi
}
