/* Times an operation with one fixed secret and with random ones, in random order: `timing OPERATION SAMPLES`
 * writes a pair of 64-bit words, class (0 fixed, 1 random) and cycles, for each sample. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sign.h"

#define POOL 1024

/* Both classes are read from pools of the same shape, so that caches treat them alike. */
static struct {
    sm2_secret secret[2][POOL];
    scalar nonce[2][POOL];
} pools;

static unsigned long long ticks(void)
{
#ifdef __x86_64__
    __builtin_ia32_lfence();
    unsigned long long now = __builtin_ia32_rdtsc();
    __builtin_ia32_lfence();
    return now;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (unsigned long long)now.tv_sec * 1000000000 + (unsigned long long)now.tv_nsec;
#endif
}

static scalar random_scalar(void)
{
    uint8_t wide[64];
    scalar value;
    draw_entropy(wide, sizeof wide);
    scalar_from_wide(&value, wide);
    return value;
}

static void fill_pools(void)
{
    const scalar one = {{1, 0, 0, 0}};
    scalar next, fixed = {{0x5A, 0, 0, 0x100}};
    for (int class = 0; class < 2; class++)
        for (int i = 0; i < POOL; i++) {
            sm2_secret *secret = &pools.secret[class][i];
            secret->d = class == 0 ? fixed : random_scalar();
            pools.nonce[class][i] = class == 0 ? fixed : random_scalar();
            scalar_add(&next, &secret->d, &one);
            scalar_invert_to_montgomery(&secret->inverse, &next);
        }
}

static sm2_key *key;
static scalar nonce;
static uint8_t digest[1][32], signature[1][64];

/* All of sm2_sign but the check, which works on public values in variable time. */
static void sign(void)
{
    scalar drawn;
    affine commitment;
    sm2_nonces(key, 1, digest, &drawn);
    sm2_make(key, 1, digest, &drawn, signature, &commitment);
}

static void kg(void)
{
    running product;
    comb_multiply(&product, &comb_generator, &nonce, 1);
}

/* The positive control: variable time. */
static void control(void)
{
    running sum = {0};
    comb_add_public(&sum, &comb_generator, &nonce);
}

int main(int count, char **argument)
{
    if (count != 3)
        return 2;
    void (*run)(void) = strcmp(argument[1], "sign") == 0 ? sign : strcmp(argument[1], "kg") == 0 ? kg : control;
    long samples = atol(argument[2]);
    if (comb_initialise() != 0 || sm2_key_generate(&key) != SM2_OK)
        return 1;
    fill_pools();
    for (long i = 0; i < samples; i++) {
        uint8_t coin[3];
        draw_entropy(coin, sizeof coin);
        int class = coin[0] & 1, at = (coin[1] << 8 | coin[2]) % POOL;
        *key->secret = pools.secret[class][at];
        nonce = pools.nonce[class][at];
        unsigned long long start = ticks();
        run();
        unsigned long long pair[2] = {(unsigned long long)class, ticks() - start};
        fwrite(pair, sizeof pair, 1, stdout);
    }
    return 0;
}
