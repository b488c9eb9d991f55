/* What Python reaches of the arithmetic, which exists twice: as adx.c compiles it, for x86-64 processors
 * with BMI2, ADX and AVX2, and as the compiler does for all.  The choice falls here, once for each whole
 * operation, so that a processor never meets an instruction it does not know.
 *
 * What the rest of key.h does with a key is the same in both. */
#ifndef SHIYIN_ARITHMETIC_H
#define SHIYIN_ARITHMETIC_H

#include "key.h"

typedef struct {
    const char *path; /* "bmi2-adx", "x86-64" or "portable" */
    int (*initialise)(void);
    sm2_status (*generate)(sm2_key **key);
    sm2_status (*load)(sm2_key **key, const uint8_t d[32]);
    sm2_status (*sign)(sm2_key *key, size_t n, const uint8_t digests[][32], uint8_t signatures[][64]);
    int (*verify)(const uint8_t public[64], const uint8_t e[32], const uint8_t signature[64]);
    int (*is_public)(const uint8_t public[64]);
} arithmetic;

/* The one compiled with the including file. */
extern const arithmetic sm2_arithmetic;

/* The best one this processor can run. */
const arithmetic *fastest(void);

#endif
