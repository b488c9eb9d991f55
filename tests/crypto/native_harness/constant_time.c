/* Runs under memcheck, built with -DSHIYIN_CT: secrets are undefined memory, so that every branch and every
 * address that depends on one is an error.  Prints the errors of each operation. */
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "cosign.h"
#include "sign.h"
#include "verify.h"

static uint8_t digests[GROUP_MAX][32], signatures[GROUP_MAX][64];
static sm2_key *key;

static void generate(void)
{
    sm2_key_generate(&key);
}

/* The range of d is judged without telling anything but the verdict. */
static void load(void)
{
    uint8_t d[32];
    sm2_key *loaded;
    memset(d, 0x5A, sizeof d);
    SECRET(d, sizeof d);
    sm2_key_load(&loaded, d);
    sm2_key_free(loaded);
    memset(d, 0xFF, sizeof d);
    SECRET(d, sizeof d);
    sm2_key_load(&loaded, d);
}

static void export(void)
{
    uint8_t d[32];
    sm2_key_export(key, d);
}

static void sign_one(void)
{
    sm2_sign(key, 1, digests, signatures);
}

static void sign_batch(void)
{
    sm2_sign(key, GROUP_MAX, digests, signatures);
}

static void invert(void)
{
    scalar a = {{3, 0, 0, 7}};
    SECRET(&a, sizeof a);
    scalar_invert_to_montgomery(&a, &a);
}

/* Two-party signing: shares and nonces are secret, what is asked of them is public. */

static scalar share, nonce;
static const uint8_t public_octets[32] = {7, 1};

static void draw_secrets(void)
{
    sm2_number_draw(&share);
    sm2_number_draw(&nonce);
    SECRET(&share, sizeof share);
    SECRET(&nonce, sizeof nonce);
}

static void read_number(void)
{
    uint8_t octets[32];
    scalar read;
    for (int fill = 0; fill < 256; fill += 255) {
        memset(octets, fill, sizeof octets);
        SECRET(octets, sizeof octets);
        sm2_number_read(&read, octets);
    }
}

static void nonces(void)
{
    static scalar made[NUMBERS_MAX];
    static uint8_t points[NUMBERS_MAX][64];
    sm2_number_nonces(NUMBERS_MAX, &share, 1, digests, made, points);
}

static void to_base(void)
{
    uint8_t point[64];
    sm2_number_base(point, &share);
}

static void to_point(void)
{
    uint8_t generator[64], point[64];
    affine_write(generator, &point_generator);
    sm2_number_point(point, &share, generator);
}

static void multiply_numbers(void)
{
    scalar out;
    sm2_number_product(&out, &share, &nonce);
    sm2_number_inverse(&out, &share);
}

static void answer(void)
{
    uint8_t s3[32];
    sm2_number_answer(s3, &share, &nonce, public_octets);
}

static void finish(void)
{
    uint8_t s[32];
    sm2_number_finish(s, &share, &nonce, public_octets, public_octets, public_octets);
}

static void respond(void)
{
    uint8_t z[32];
    sm2_number_respond(z, &share, &nonce, public_octets);
}

static void blind(void)
{
    uint8_t blob[32], mask[32] = {9};
    scalar back;
    SECRET(mask, sizeof mask);
    sm2_number_blind(blob, &share, mask);
    sm2_number_unblind(&back, blob, mask);
}

/* The positive control: a secret in variable-time code must be seen. */
static void control(void)
{
    point sum = point_infinity;
    scalar k = {{0x1234567890ABCDEF, 5, 6, 7}};
    SECRET(&k, sizeof k);
    point_add_multiple_public(&sum, &point_generator, k.w);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } operations[] = {
        {"generate", generate},     {"load", load},     {"export", export},   {"sign_one", sign_one},
        {"sign_batch", sign_batch}, {"invert", invert}, {"draw_secrets", draw_secrets},
        {"read_number", read_number}, {"nonces", nonces}, {"to_base", to_base}, {"to_point", to_point},
        {"multiply_numbers", multiply_numbers}, {"answer", answer}, {"finish", finish},
        {"respond", respond}, {"blind", blind}, {"control", control},
    };
    comb_initialise();
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        unsigned before = VALGRIND_COUNT_ERRORS;
        operations[i].run();
        printf("%s %u\n", operations[i].name, (unsigned)VALGRIND_COUNT_ERRORS - before);
    }
    printf("memcheck %u\n", (unsigned)RUNNING_ON_VALGRIND);
    return 0;
}
