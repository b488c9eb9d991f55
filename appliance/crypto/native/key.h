/* Private keys in locked memory. */
#ifndef SHIYIN_KEY_H
#define SHIYIN_KEY_H

#include <stdatomic.h>

#include "comb.h"
#include "secrecy.h"
#include "sm3.h"

typedef enum {
    SM2_OK,
    SM2_OUT_OF_RANGE, /* d is not in 1 .. n-2 */
    SM2_NO_MEMORY,
    SM2_NO_ENTROPY, /* getrandom failed */
    SM2_FAULT,      /* what was computed does not verify */
} sm2_status;

/* What never leaves the pages it is in. */
typedef struct {
    scalar d;
    scalar inverse; /* (1 + d)^-1 in Montgomery form */
} sm2_secret;

typedef struct {
    sm2_secret *secret; /* pages of its own; NULL once closed */
    int locked;         /* the pages cannot be swapped out */
    atomic_ullong signatures; /* counts nonces, so that no two derivations share their input */
    uint8_t public[64];       /* P = d * G */
    uint8_t z[SM3_OCTETS];    /* Z under the default ID */
    comb table;               /* multiples of P, to verify what was signed */
} sm2_key;

/* Take d from 32 octets, big-endian; the caller still owns them.  Returns SM2_OK and a key for
 * sm2_key_free, or the reason why not and NULL. */
sm2_status sm2_key_load(sm2_key **key, const uint8_t d[32]);

/* Draw d uniformly from 1 .. n-2.  GB/T 32918.1 6.1. */
sm2_status sm2_key_generate(sm2_key **key);

/* Write d to 32 octets of the caller's. */
void sm2_key_export(const sm2_key *key, uint8_t d[32]);

/* Zero the private half; the public half stays.  Calling twice is harmless. */
void sm2_key_close(sm2_key *key);

/* Close and free; NULL is harmless. */
void sm2_key_free(sm2_key *key);

#endif
