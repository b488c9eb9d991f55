/* The numbers of two-party signing: shares and nonces, secret in 1 .. n-1, and what is made of them.
 *
 * docs/protocol-cosign.md gives the equations.  Whatever takes a secret takes the same time for all its values;
 * results in octets are public.  A zero stands for no secret (a forked child's slots), and is SM2_FAULT. */
#ifndef SHIYIN_COSIGN_H
#define SHIYIN_COSIGN_H

#include "key.h"

#define NUMBERS_MAX 64

/* Take 32 octets; SM2_OUT_OF_RANGE unless they are in 1 .. n-1. */
sm2_status sm2_number_read(scalar *out, const uint8_t octets[32]);

/* Draw uniformly from 1 .. n-1. */
sm2_status sm2_number_draw(scalar *out);

/* out = x^-1, and out = x * y. */
sm2_status sm2_number_inverse(scalar *out, const scalar *x);
sm2_status sm2_number_product(scalar *out, const scalar *x, const scalar *y);

/* Nonces k and points k * G: n of them, 1 <= n <= NUMBERS_MAX, derived over the share, fresh randomness, a number
 * that the caller never repeats, and a hedge each, so that neither a dead generator nor a copy of the machine that
 * is asked something else repeats one. */
sm2_status sm2_number_nonces(size_t n, const scalar *share, uint64_t number, const uint8_t hedges[][32],
                             scalar nonces[], uint8_t points[][64]);

/* x * G; x * Q, SM2_OUT_OF_RANGE when Q is no point. */
sm2_status sm2_number_base(uint8_t point[64], const scalar *x);
sm2_status sm2_number_point(uint8_t point[64], const scalar *x, const uint8_t q[64]);

/* The signer's s3 = x (k + r); SM2_OUT_OF_RANGE when r is not below n or k + r = 0. */
sm2_status sm2_number_answer(uint8_t s3[32], const scalar *x, const scalar *k, const uint8_t r[32]);

/* The phone's s = rho w + x s3 - r; SM2_OUT_OF_RANGE when s3 or r is not below n. */
sm2_status sm2_number_finish(uint8_t s[32], const scalar *x, const scalar *w, const uint8_t rho[16],
                             const uint8_t s3[32], const uint8_t r[32]);

/* Schnorr's z = a + c x, of any c. */
sm2_status sm2_number_respond(uint8_t z[32], const scalar *x, const scalar *a, const uint8_t c[32]);

/* x + mask, and back: SM2_OUT_OF_RANGE when blob - mask is 0 or blob is not below n; any mask is taken mod n. */
sm2_status sm2_number_blind(uint8_t blob[32], const scalar *x, const uint8_t mask[32]);
sm2_status sm2_number_unblind(scalar *out, const uint8_t blob[32], const uint8_t mask[32]);

/* Public, variable time ------------------------------------------------------------------------- */

/* One sum of points, and whether there is one: 0 for a point that is none, and for infinity. */
typedef struct {
    uint8_t rho[16], q1[64], k[64]; /* wanted: rho * q1 + k */
    uint8_t sum[64];
    int valid;
} binding;

/* Compute n sums with one inversion, n <= NUMBERS_MAX. */
void sm2_bind(size_t n, binding bindings[]);

/* out = z * G - c * P; 0 when P is no point or the result is infinity.  z and c are taken mod n. */
int sm2_combine(uint8_t out[64], const uint8_t z[32], const uint8_t c[32], const uint8_t p[64]);

/* out = a + b; 0 when one is no point or the sum is infinity. */
int sm2_sum(uint8_t out[64], const uint8_t a[64], const uint8_t b[64]);

#endif
