/* Verification of many signatures of one key at once.  Variable time: all of it is public. */
#ifndef SHIYIN_BATCH_H
#define SHIYIN_BATCH_H

#include "comb.h"

#define BATCH_MAX 64

/* r = (e + x1) mod n for the abscissa x1 of a point.  GB/T 32918.2 6.1 A5. */
void sm2_commitment_r(scalar *r, const uint8_t e[32], const affine *commitment);

/* Verify n signatures r||s over digests e under the key of the table, given the points R they were made
 * from: each R must be on the curve and give r, and sum z (s G + t P - R) must be infinity for fresh
 * 64-bit z, which a false signature passes with probability 2^-64.  Returns 1 or 0, or -1 when getrandom
 * fails. */
int sm2_verify_batch(const comb *table, size_t n, const uint8_t digests[][32], const uint8_t signatures[][64],
                     const affine commitments[]);

#endif
