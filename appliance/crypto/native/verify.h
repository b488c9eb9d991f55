/* SM2 verification; everything here is public, and variable in time.  GB/T 32918.2 clause 7. */
#ifndef SHIYIN_VERIFY_H
#define SHIYIN_VERIFY_H

#include "comb.h"

/* Take r||s; returns 1 when 1 <= r, s <= n-1 and t = r + s mod n is not zero, else 0.  7.1 B1-B2, B5. */
int signature_read(scalar *r, scalar *s, scalar *t, const uint8_t signature[64]);

/* Verify r||s over e: 1 or 0.  The first takes any octets for the public key and keeps a table for one
 * that returns often (see cache.c); the second takes the table of a checked key. */
int sm2_verify(const uint8_t public[64], const uint8_t e[32], const uint8_t signature[64]);
int sm2_verify_by_table(const comb *table, const uint8_t e[32], const uint8_t signature[64]);

#endif
