/* Runs under memcheck, built with -DSHIYIN_CT: secrets are undefined memory, so that every branch and every
 * address that depends on one is an error.  Prints the errors of each operation. */
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

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
        {"sign_batch", sign_batch}, {"invert", invert}, {"control", control},
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
