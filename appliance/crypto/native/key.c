#define _GNU_SOURCE
#include "key.h"

#include <stdlib.h>

#include "digest.h"

static const char DEFAULT_ID[] = "1234567812345678"; /* GM/T 0009-2012 clause 10 */

/* Put d and (1 + d)^-1 into the secret pages; returns 1 when 1 <= d <= n-2, which alone becomes known. */
STEP static word take(sm2_secret *secret, const uint8_t d[32])
{
    const scalar one = {{1, 0, 0, 0}};
    scalar next;
    word valid = scalar_read(&secret->d, d) & ~scalar_is_zero(&secret->d);
    scalar_add(&next, &secret->d, &one);
    valid &= ~scalar_is_zero(&next);
    PUBLIC(&valid, sizeof valid);
    if (valid)
        scalar_invert_to_montgomery(&secret->inverse, &next);
    wipe(&next, sizeof next);
    return valid;
}

/* Compute what all may know: P = d * G, its Z and its table. */
STEP static sm2_status publish(sm2_key *key)
{
    running product;
    field scratch;
    affine p;
    comb_multiply(&product, &comb_generator, &key->secret->d, 1);
    running_normalise(&p, &product, &scratch, 1);
    wipe(&product, sizeof product);
    wipe(&scratch, sizeof scratch);
    PUBLIC(&p, sizeof p);
    if (!affine_on_curve(&p))
        return SM2_FAULT;
    affine_write(key->public, &p);
    sm2_identity(key->z, key->public, DEFAULT_ID, sizeof DEFAULT_ID - 1);
    return comb_fill(&key->table, &p) == 0 ? SM2_OK : SM2_NO_MEMORY;
}

/* A key without content, or NULL. */
static sm2_key *allocate(void)
{
    sm2_key *key = malloc(sizeof *key);
    if (key == NULL)
        return NULL;
    key->secret = secret_pages(sizeof *key->secret, &key->locked);
    if (key->secret == NULL) {
        free(key);
        return NULL;
    }
    atomic_init(&key->signatures, 0);
    return key;
}

sm2_status sm2_key_load(sm2_key **out, const uint8_t d[32])
{
    *out = NULL;
    sm2_key *key = allocate();
    if (key == NULL)
        return SM2_NO_MEMORY;
    sm2_status status = take(key->secret, d) ? publish(key) : SM2_OUT_OF_RANGE;
    wipe_stack();
    if (status == SM2_OK)
        *out = key;
    else
        sm2_key_free(key);
    return status;
}

sm2_status sm2_key_generate(sm2_key **out)
{
    uint8_t d[32];
    sm2_status status;
    *out = NULL;
    do {
        if (draw_entropy(d, sizeof d) != 0)
            return SM2_NO_ENTROPY;
        status = sm2_key_load(out, d);
    } while (status == SM2_OUT_OF_RANGE); /* one draw in 2^32 */
    wipe(d, sizeof d);
    return status;
}

void sm2_key_export(const sm2_key *key, uint8_t d[32])
{
    scalar_write(d, &key->secret->d);
}

void sm2_key_close(sm2_key *key)
{
    if (key->secret != NULL)
        release_pages(key->secret, sizeof *key->secret);
    key->secret = NULL;
}

void sm2_key_free(sm2_key *key)
{
    if (key != NULL) {
        sm2_key_close(key);
        free(key);
    }
}
