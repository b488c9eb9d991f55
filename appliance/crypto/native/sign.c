#include "sign.h"

#include <string.h>

#include "batch.h"
#include "verify.h"

/* Below this many signatures the key's own table verifies faster than a batch does. */
#define BATCH_MIN 8

/* What SM3 takes for one nonce is two blocks with their padding: first what a group shares, which is
 * compressed once and is all the key a compression function wants, then what tells its nonces apart. */
typedef struct {
    uint8_t d[32];
    uint8_t fresh[32];
} nonce_key;

/* The counter, the length and the rest as in Hash_df of SP 800-90A 10.3.1, with SM3 as the hash. */
typedef struct {
    uint8_t counter;
    uint8_t bits[4];
    char domain[10];
    uint8_t number[8];
    uint8_t e[32];
} nonce_input;

_Static_assert(sizeof(nonce_key) == SM3_BLOCK, "the shared part is one block");
_Static_assert(sizeof(nonce_input) == 55, "one octet more would cost a third block");

static void derive_nonce(scalar *nonce, const sm3 *keyed, nonce_input *input)
{
    uint8_t wide[2 * SM3_OCTETS];
    sm3 hash;
    for (uint8_t i = 0; i < 2; i++) {
        input->counter = i + 1;
        hash = *keyed;
        sm3_add(&hash, input, sizeof *input);
        sm3_finish(&hash, wide + i * SM3_OCTETS);
    }
    scalar_from_wide(nonce, wide);
    wipe(wide, sizeof wide);
    wipe(&hash, sizeof hash);
}

STEP sm2_status sm2_nonces(sm2_key *key, size_t n, const uint8_t digests[][32], scalar nonces[])
{
    nonce_key shared;
    nonce_input input = {.bits = {0, 0, 2, 0}, .domain = "SM2 nonce"};
    sm3 keyed;
    if (draw_entropy(shared.fresh, sizeof shared.fresh) != 0)
        return SM2_NO_ENTROPY;
    unsigned long long number = atomic_fetch_add(&key->signatures, n);
    scalar_write(shared.d, &key->secret->d);
    sm3_start(&keyed);
    sm3_add(&keyed, &shared, sizeof shared);
    for (size_t i = 0; i < n; i++, number++) {
        for (int j = 0; j < 8; j++)
            input.number[j] = (uint8_t)(number >> (56 - 8 * j));
        memcpy(input.e, digests[i], sizeof input.e);
        derive_nonce(&nonces[i], &keyed, &input);
    }
    wipe(&shared, sizeof shared);
    wipe(&keyed, sizeof keyed);
    return SM2_OK;
}

/* The points R = k * G; they become public with the signatures. */
static void commit(size_t n, const scalar nonces[], affine commitments[])
{
    running products[GROUP_MAX];
    field scratch[GROUP_MAX];
    comb_multiply(products, &comb_generator, nonces, n);
    running_normalise(commitments, products, scratch, n);
    PUBLIC(commitments, n * sizeof *commitments);
    wipe(products, sizeof products);
    wipe(scratch, sizeof scratch);
}

/* r = (e + x1) mod n, s = (1 + d)^-1 (k + r) - r; returns 1 unless r = 0, r + k = n or s = 0. */
static int complete(const sm2_secret *secret, const uint8_t e[32], const scalar *nonce,
                    const affine *commitment, uint8_t signature[64])
{
    scalar r, s, sum;
    sm2_commitment_r(&r, e, commitment);
    scalar_add(&sum, nonce, &r);
    scalar_mul(&s, &sum, &secret->inverse);
    scalar_sub(&s, &s, &r);
    word refused = scalar_is_zero(&r) | scalar_is_zero(&sum) | scalar_is_zero(&s);
    wipe(&sum, sizeof sum);
    PUBLIC(&refused, sizeof refused);
    PUBLIC(&s, sizeof s);
    scalar_write(signature, &r);
    scalar_write(signature + 32, &s);
    return refused == 0;
}

STEP int sm2_make(const sm2_key *key, size_t n, const uint8_t digests[][32], const scalar nonces[],
             uint8_t signatures[][64], affine commitments[])
{
    int usable = 1;
    commit(n, nonces, commitments);
    for (size_t i = 0; i < n; i++)
        usable &= complete(key->secret, digests[i], &nonces[i], &commitments[i], signatures[i]);
    return usable;
}

sm2_status sm2_check(const sm2_key *key, size_t n, const uint8_t digests[][32],
                     const uint8_t signatures[][64], const affine commitments[])
{
    if (n >= BATCH_MIN) {
        int valid = sm2_verify_batch(&key->table, n, digests, signatures, commitments);
        return valid < 0 ? SM2_NO_ENTROPY : valid ? SM2_OK : SM2_FAULT;
    }
    for (size_t i = 0; i < n; i++)
        if (!sm2_verify_by_table(&key->table, digests[i], signatures[i]))
            return SM2_FAULT;
    return SM2_OK;
}

sm2_status sm2_sign(sm2_key *key, size_t n, const uint8_t digests[][32], uint8_t signatures[][64])
{
    scalar nonces[GROUP_MAX];
    affine commitments[GROUP_MAX];
    sm2_status status;
    int usable = 0;
    do {
        status = sm2_nonces(key, n, digests, nonces);
        if (status == SM2_OK)
            usable = sm2_make(key, n, digests, nonces, signatures, commitments);
    } while (status == SM2_OK && !usable);
    wipe(nonces, sizeof nonces);
    wipe_stack();
    if (status == SM2_OK)
        status = sm2_check(key, n, digests, signatures, commitments);
    if (status != SM2_OK)
        wipe(signatures, n * sizeof signatures[0]);
    return status;
}
