/* The insides of the SM2 core behind a line protocol, for tests: one command a line on standard input, one
 * answer a line on standard output.  Numbers are hexadecimal of fixed width.  Linked with the sources of
 * the extension, except entropy.c and the Python glue. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "batch.h"
#include "sign.h"
#include "verify.h"

static const char *entropy = "system"; /* or "constant", or "dead" */

int draw_entropy(void *out, size_t size)
{
    if (strcmp(entropy, "dead") == 0)
        return -1;
    if (strcmp(entropy, "system") == 0)
        return getrandom(out, size, 0) == (ssize_t)size ? 0 : -1;
    memset(out, 0x5A, size);
    return 0;
}

static void unhex(uint8_t *out, const char *hex, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned octet = 0;
        sscanf(hex + 2 * i, "%2x", &octet);
        out[i] = (uint8_t)octet;
    }
}

static void hex(const uint8_t *octets, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", octets[i]);
    printf("\n");
}

static void print_scalar(const scalar *value)
{
    uint8_t octets[32];
    scalar_write(octets, value);
    hex(octets, 32);
}

static void print_field(const field *value)
{
    uint8_t octets[32];
    field_write(octets, value);
    hex(octets, 32);
}

static void print_point(const running *p)
{
    affine normal;
    field scratch;
    uint8_t octets[64];
    if (field_is_zero(&p->zz)) {
        printf("infinity\n");
        return;
    }
    running_normalise(&normal, p, &scratch, 1);
    affine_write(octets, &normal);
    hex(octets, 64);
}

static scalar scalar_of(const char *text)
{
    uint8_t octets[32];
    scalar value;
    unhex(octets, text, 32);
    scalar_read(&value, octets);
    return value;
}

static field field_of(const char *text)
{
    uint8_t octets[32];
    field value;
    unhex(octets, text, 32);
    field_read(&value, octets);
    return value;
}

static sm2_key *key_of(const char *text)
{
    uint8_t octets[32];
    sm2_key *key;
    unhex(octets, text, 32);
    return sm2_key_load(&key, octets) == SM2_OK ? key : NULL;
}

/* sign D K E: sign with a given nonce. */
static void sign_with_nonce(const char *d, const char *k, const char *e)
{
    uint8_t digest[1][32], signature[1][64];
    sm2_key *key = key_of(d);
    scalar nonce = scalar_of(k);
    affine commitment;
    unhex(digest[0], e, 32);
    if (sm2_make(key, 1, digest, &nonce, signature, &commitment))
        hex(signature[0], 64);
    else
        printf("refused\n");
    sm2_key_free(key);
}

/* nonce D E TIMES: the last of so many nonces drawn one after the other. */
static void print_nonce(const char *d, const char *e, const char *times)
{
    uint8_t digest[1][32];
    sm2_key *key = key_of(d);
    scalar nonce;
    unhex(digest[0], e, 32);
    for (int i = atoi(times); i > 0; i--)
        sm2_nonces(key, 1, digest, &nonce);
    print_scalar(&nonce);
    sm2_key_free(key);
}

/* Change one of a made group in the way `how` says. */
static void tamper(const char *how, sm2_key *key, uint8_t digest[32], uint8_t signature[64], affine *commitment)
{
    scalar r;
    if (strcmp(how, "r") == 0)
        signature[31] ^= 1;
    else if (strcmp(how, "s") == 0)
        signature[63] ^= 1;
    else if (strcmp(how, "digest") == 0)
        digest[0] ^= 0x80;
    else if (strcmp(how, "off-curve") == 0)
        commitment->y = commitment->x;
    else if (strcmp(how, "commitment") == 0) { /* r and R agree, the equation does not hold */
        *commitment = point_generator;
        sm2_commitment_r(&r, digest, commitment);
        scalar_write(signature, &r);
    } else if (strcmp(how, "negated") == 0) { /* x(R) is right, R is not */
        field_sub(&commitment->y, &(field){{0}}, &commitment->y);
    } else if (strcmp(how, "public") == 0)
        comb_fill(&key->table, &point_generator);
    else if (strcmp(how, "zero") == 0)
        memset(signature, 0, 64);
    else if (strcmp(how, "twin") == 0) { /* all is right, but stands in the group twice, 32 places apart */
        memcpy(digest, digest + 32 * 32, 32);
        memcpy(signature, signature + 32 * 64, 64);
        *commitment = commitment[32];
    }
}

/* tamper N INDEX HOW: make a group, change one, check. */
static void check_tampered(const char *count, const char *index, const char *how)
{
    static uint8_t digests[GROUP_MAX][32], signatures[GROUP_MAX][64];
    affine commitments[GROUP_MAX];
    scalar nonces[GROUP_MAX];
    size_t n = (size_t)atoi(count), at = (size_t)atoi(index);
    sm2_key *key;
    sm2_key_generate(&key);
    draw_entropy(digests, sizeof digests);
    sm2_nonces(key, n, digests, nonces);
    sm2_make(key, n, digests, nonces, signatures, commitments);
    tamper(how, key, digests[at], signatures[at], &commitments[at]);
    sm2_status status = sm2_check(key, n, digests, signatures, commitments);
    printf("%s\n", status == SM2_OK ? "ok" : status == SM2_FAULT ? "fault" : "error");
    sm2_key_free(key);
}

/* strike N WHERE: sign N with a broken key or source; tells the status and whether octets came out. */
static void sign_struck(const char *count, const char *where)
{
    static uint8_t digests[GROUP_MAX][32], signatures[GROUP_MAX][64];
    size_t n = (size_t)atoi(count);
    sm2_key *key;
    sm2_key_generate(&key);
    memset(signatures, 0xAA, sizeof signatures);
    if (strcmp(where, "inverse") == 0)
        key->secret->inverse.w[1] ^= 1 << 20;
    else if (strcmp(where, "wiped") == 0) /* what a forked child sees */
        memset(key->secret, 0, sizeof *key->secret);
    else if (strcmp(where, "entropy") == 0)
        entropy = "dead";
    sm2_status status = sm2_sign(key, n, digests, signatures);
    int released = 0;
    for (size_t i = 0; i < n * 64; i++)
        released |= ((uint8_t *)signatures)[i] != 0;
    printf("%d %s\n", (int)status, released ? "released" : "nothing");
    entropy = "system";
    sm2_key_free(key);
}

static void answer(char *part[4])
{
    point multiple = point_infinity;
    running p = {0};
    scalar a, b;
    field x, y;
    uint8_t octets[64];
    affine q;
    if (strcmp(part[0], "kg") == 0) {
        a = scalar_of(part[1]);
        comb_multiply(&p, &comb_generator, &a, 1);
        print_point(&p);
    } else if (strcmp(part[0], "kg-public") == 0) {
        a = scalar_of(part[1]);
        comb_add_public(&p, &comb_generator, &a);
        print_point(&p);
    } else if (strcmp(part[0], "kp") == 0) {
        a = scalar_of(part[1]);
        unhex(octets, part[2], 64);
        affine_read(&q, octets);
        point_add_multiple_public(&multiple, &q, a.w);
        running_from_point(&p, &multiple);
        print_point(&p);
    } else if (strcmp(part[0], "mul") == 0) {
        a = scalar_of(part[1]), b = scalar_of(part[2]);
        scalar_to_montgomery(&a, &a);
        scalar_mul(&a, &a, &b);
        print_scalar(&a);
    } else if (strcmp(part[0], "inv") == 0) {
        a = scalar_of(part[1]);
        scalar_invert_to_montgomery(&a, &a);
        scalar_mul(&a, &a, &(scalar){{1, 0, 0, 0}});
        print_scalar(&a);
    } else if (strcmp(part[0], "wide") == 0) {
        unhex(octets, part[1], 64);
        scalar_from_wide(&a, octets);
        print_scalar(&a);
    } else if (strcmp(part[0], "fmul") == 0) {
        x = field_of(part[1]), y = field_of(part[2]);
        field_mul(&x, &x, &y);
        print_field(&x);
    } else if (strcmp(part[0], "fsqr") == 0) {
        x = field_of(part[1]);
        field_sqr(&x, &x);
        print_field(&x);
    } else if (strcmp(part[0], "finv") == 0) {
        x = field_of(part[1]);
        field_invert(&x, &x);
        print_field(&x);
    } else if (strcmp(part[0], "sign") == 0)
        sign_with_nonce(part[1], part[2], part[3]);
    else if (strcmp(part[0], "nonce") == 0)
        print_nonce(part[1], part[2], part[3]);
    else if (strcmp(part[0], "tamper") == 0)
        check_tampered(part[1], part[2], part[3]);
    else if (strcmp(part[0], "strike") == 0)
        sign_struck(part[1], part[2]);
    else if (strcmp(part[0], "entropy") == 0) {
        entropy = strcmp(part[1], "constant") == 0 ? "constant" : "system";
        printf("%s\n", entropy);
    } else
        printf("unknown\n");
}

int main(void)
{
    static char line[1024];
    comb_initialise();
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *part[4] = {NULL, NULL, NULL, NULL};
        part[0] = strtok(line, " \n");
        for (int i = 1; i < 4 && part[i - 1] != NULL; i++)
            part[i] = strtok(NULL, " \n");
        answer(part);
    }
    return 0;
}
