/* Numbers modulo n, the order of the base point.  GB/T 32918.5 clause 2.
 *
 * A scalar is plain (not in Montgomery form) and below n unless a contract says otherwise.  Every
 * operation takes the same time for all values; output and inputs may be the same scalar.
 */
#ifndef SHIYIN_SCALAR_H
#define SHIYIN_SCALAR_H

#include "word.h"

typedef struct {
    word w[4];
} scalar;

extern const word scalar_n[4];

void scalar_add(scalar *out, const scalar *a, const scalar *b);
void scalar_sub(scalar *out, const scalar *a, const scalar *b);

/* out = a * b * 2^-256: the plain product when one factor is in Montgomery form. */
void scalar_mul(scalar *out, const scalar *a, const scalar *b);

/* Into Montgomery form: out = a * 2^256. */
void scalar_to_montgomery(scalar *out, const scalar *a);

/* out = a^-1 in Montgomery form, of a plain a; the inverse of zero is zero. */
void scalar_invert_to_montgomery(scalar *out, const scalar *a);

/* All ones when a is zero. */
word scalar_is_zero(const scalar *a);

/* Take 32 octets; returns 1 when they are below n, else 0 and out is not below n. */
word scalar_read(scalar *out, const uint8_t octets[32]);
void scalar_write(uint8_t octets[32], const scalar *a);

/* out = value mod n, of any 256-bit number. */
void scalar_from_number(scalar *out, const word value[4]);

/* out = (octets mod (n-1)) + 1: uniform in 1 .. n-1 to 2^-256, of 64 uniform octets.  FIPS 186-5 A.4.1. */
void scalar_from_wide(scalar *out, const uint8_t octets[64]);

#endif
