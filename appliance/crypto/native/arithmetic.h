/* What Python reaches of the arithmetic, which exists twice: as adx.c compiles it, for x86-64 processors
 * with BMI2, ADX and AVX2, and as the compiler does for all.  The choice falls here, once for each whole
 * operation, so that a processor never meets an instruction it does not know.
 *
 * What the rest of key.h does with a key is the same in both. */
#ifndef SHIYIN_ARITHMETIC_H
#define SHIYIN_ARITHMETIC_H

#include "cosign.h"

/* What cosign.h declares. */
struct number_arithmetic {
    sm2_status (*read)(scalar *out, const uint8_t octets[32]);
    sm2_status (*draw)(scalar *out);
    sm2_status (*inverse)(scalar *out, const scalar *x);
    sm2_status (*product)(scalar *out, const scalar *x, const scalar *y);
    sm2_status (*nonces)(size_t n, const scalar *share, uint64_t number, const uint8_t hedges[][32],
                         scalar nonces[], uint8_t points[][64]);
    sm2_status (*base)(uint8_t point[64], const scalar *x);
    sm2_status (*point)(uint8_t point[64], const scalar *x, const uint8_t q[64]);
    sm2_status (*answer)(uint8_t s3[32], const scalar *x, const scalar *k, const uint8_t r[32]);
    sm2_status (*finish)(uint8_t s[32], const scalar *x, const scalar *w, const uint8_t rho[16],
                         const uint8_t s3[32], const uint8_t r[32]);
    sm2_status (*respond)(uint8_t z[32], const scalar *x, const scalar *a, const uint8_t c[32]);
    sm2_status (*blind)(uint8_t blob[32], const scalar *x, const uint8_t mask[32]);
    sm2_status (*unblind)(scalar *out, const uint8_t blob[32], const uint8_t mask[32]);
    void (*bind)(size_t n, binding bindings[]);
    int (*combine)(uint8_t out[64], const uint8_t z[32], const uint8_t c[32], const uint8_t p[64]);
    int (*sum)(uint8_t out[64], const uint8_t a[64], const uint8_t b[64]);
};

typedef struct {
    const char *path; /* "bmi2-adx", "x86-64" or "portable" */
    int (*initialise)(void);
    sm2_status (*generate)(sm2_key **key);
    sm2_status (*load)(sm2_key **key, const uint8_t d[32]);
    sm2_status (*sign)(sm2_key *key, size_t n, const uint8_t digests[][32], uint8_t signatures[][64]);
    int (*verify)(const uint8_t public[64], const uint8_t e[32], const uint8_t signature[64]);
    int (*is_public)(const uint8_t public[64]);
    const struct number_arithmetic *numbers;
} arithmetic;

/* The one compiled with the including file. */
extern const arithmetic sm2_arithmetic;

/* The best one this processor can run. */
const arithmetic *fastest(void);

#endif
