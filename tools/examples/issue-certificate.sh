#!/bin/sh
# Has a running box issue an SM2 certificate for a key made here, and checks what came:
#   issue-certificate.sh READY.json OUTDIR
# It needs openssl 3, curl and python3 (to read JSON), and nothing of Shiyin but READY.json, which
# a box in demo mode writes to STATE/run.  OUTDIR then holds key.pem, leaf.csr, leaf.pem,
# issuing.pem, root.pem and crl.der.  It ends with 0 only when all is there and verified.
set -eu

AUTHORITY=issuing-sm2
ID='1234567812345678' # the distinguishing identifier that everybody signs SM2 certificates with
PATIENCE_S=60

say() { echo "issue-certificate: $*"; }
fail() {
    say "$*" >&2
    exit 1
}

[ $# -eq 2 ] || fail "usage: $0 READY.json OUTDIR"
[ -r "$1" ] || fail "$1 cannot be read: is the box running?"
mkdir -p "$2"
READY=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$2"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' HUP INT TERM

# field FILE NAME...: print what a JSON file says under these names.
field() {
    python3 -c '
import json, sys
found = json.load(open(sys.argv[1], encoding="utf-8"))
for name in sys.argv[2:]:
    found = found[name]
print("" if found is None else found)' "$@"
}

# api OUT PATH [OPTION...]: call the interface; the token is in a file, where `ps` does not see it.
api() {
    out=$1 path=$2
    shift 2
    curl --silent --show-error --cacert "$ROOTS" --header @"$WORK/token" --output "$out" \
        --write-out '%{http_code}' --max-time 30 "$@" "$API$path"
}

# within WHAT COMMAND...: repeat a command until it succeeds.
within() {
    what=$1 left=$PATIENCE_S
    shift
    until "$@" 2>"$WORK/why"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "$what: not within $PATIENCE_S s: $(cat "$WORK/why")"
        sleep 1
    done
}

API=$(field "$READY" api)
ROOTS=$(field "$READY" ca_cert)
FRONT=$(field "$READY" tsp_http | sed 's|/tsa$||')
TOKEN=$(field "$(field "$READY" demo_credentials)" tokens operator)
echo "Authorization: Bearer $TOKEN" >"$WORK/token"

# A box that has just been made still waits for the certificate of its own interface.
answers() { [ "$(api "$WORK/me" /v1/accounts/me)" = 200 ]; }
within "no answer from $API" answers
say "$API answers, with a TLS certificate under $ROOTS"

# --- a key, and proof that it is ours -----------------------------------------------------------

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out key.pem
openssl req -new -key key.pem -sm3 -sigopt "distid:$ID" -subj '/CN=Zhang San' -out leaf.csr
# (`openssl req -verify` tells a failure in words alone.)
openssl req -in leaf.csr -noout -verify -vfyopt "distid:$ID" 2>&1 | grep -q 'verify OK' ||
    fail "the request does not verify"
say "made an SM2 key and a PKCS#10 request"

# --- ask, and wait ------------------------------------------------------------------------------

python3 -c '
import json, sys
fields = {"organization": "Example Hospital", "department": "Cardiology", "name": "Zhang San"}
wish = {"authority": sys.argv[1], "template": "person", "owner_uid": "100200", "fields": fields}
print(json.dumps({**wish, "csr": open("leaf.csr", encoding="ascii").read()}))' \
    "$AUTHORITY" >"$WORK/wish"
# Should the connection break, the same key makes the same call: nothing is issued twice.
KEY=$(openssl rand -hex 16)
asks() {
    status=$(api "$WORK/request" /v1/requests --header 'Content-Type: application/json' \
        --header "Idempotency-Key: $KEY" --data-binary @"$WORK/wish") || return 1
    case $status in 409 | 503) return 1 ;; esac
}
within "the request was not taken" asks
[ "$status" = 201 ] || fail "refused with $status: $(cat "$WORK/request")"
REQUEST=$(field "$WORK/request" id)
say "the request $REQUEST is kept"

is_settled() {
    [ "$(api "$WORK/request" "/v1/requests/$REQUEST")" = 200 ] || return 1
    state=$(field "$WORK/request" state)
    case $state in created | submitted | polling) return 1 ;; esac
}
within "the request has no certificate" is_settled
[ "$state" = issued ] || fail "the request is $state: $(field "$WORK/request" reason)"

# --- fetch --------------------------------------------------------------------------------------

CERTIFICATE=$(field "$WORK/request" certificate_id)
status=$(api "$WORK/certificate" "/v1/certificates/$CERTIFICATE")
[ "$status" = 200 ] || fail "the certificate cannot be fetched: $status"
field "$WORK/certificate" certificate >"$WORK/leaf.pem"
openssl x509 -in "$WORK/leaf.pem" -out leaf.pem
say "issued: $(openssl x509 -in leaf.pem -noout -subject)"

status=$(api "$WORK/chain.pem" "/v1/authorities/$AUTHORITY/chain")
[ "$status" = 200 ] || fail "the chain cannot be fetched: $status"
openssl x509 -in "$WORK/chain.pem" -out issuing.pem # the first block

# The root comes from the bundle we trust, never from whom we ask.
awk -v folder="$WORK" '/BEGIN CERT/ { n++ } { print > (folder "/root-" n ".pem") }' "$ROOTS"
WANTED=$(openssl x509 -in issuing.pem -noout -issuer_hash)
rm -f root.pem
for each in "$WORK"/root-*.pem; do
    if [ "$(openssl x509 -in "$each" -noout -subject_hash)" = "$WANTED" ]; then
        openssl x509 -in "$each" -out root.pem
    fi
done
[ -s root.pem ] || fail "the issuer of issuing.pem is not among $ROOTS"

fetches_list() {
    curl --silent --show-error --fail --max-time 30 --output crl.der "$FRONT/crl/$AUTHORITY.crl"
}
within "no revocation list" fetches_list
say "fetched the chain and the revocation list"

# --- check --------------------------------------------------------------------------------------

# OpenSSL 3 takes the identifier for the first certificate of a path alone (openssl/openssl#23471),
# so the links are verified one by one.
openssl verify -partial_chain -CAfile issuing.pem -vfyopt "distid:$ID" leaf.pem
openssl verify -partial_chain -CAfile root.pem -vfyopt "distid:$ID" issuing.pem

openssl pkey -in key.pem -pubout -out "$WORK/ours"
openssl x509 -in leaf.pem -noout -pubkey >"$WORK/certified"
cmp -s "$WORK/ours" "$WORK/certified" || fail "the certificate is for another key"

# `openssl crl` takes no identifier at all: what is signed and its signature are cut out of the
# list, as the first and the third of the three parts it has.
part() {
    offset=$(openssl asn1parse -inform DER -in crl.der |
        awk -F: -v part="$1" '/d=1 / && ++n == part { print $1 + 0 }')
    openssl asn1parse -inform DER -in crl.der -strparse "$offset" -noout -out "$2"
}
part 1 "$WORK/tbs"
part 3 "$WORK/signature"
openssl x509 -in issuing.pem -noout -pubkey >"$WORK/issuing.pub"
openssl pkeyutl -verify -pubin -inkey "$WORK/issuing.pub" -rawin -in "$WORK/tbs" -digest sm3 \
    -sigfile "$WORK/signature" -pkeyopt "distid:$ID" || fail "the revocation list does not verify"

SERIAL=$(openssl x509 -in leaf.pem -noout -serial | sed 's/serial=//')
openssl crl -inform DER -in crl.der -noout -text >"$WORK/crl.txt"
! grep -q "Serial Number: $SERIAL\$" "$WORK/crl.txt" || fail "the certificate is revoked"

say "verified: $(pwd)/leaf.pem, issuing.pem, root.pem, crl.der"
