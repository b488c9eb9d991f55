/* The arithmetic once more, for x86-64 processors with BMI2, ADX and AVX2 (Intel since Broadwell, AMD since
 * Zen).  Nothing here may be called before `fastest` has asked the processor. */
#if defined(__x86_64__) && !defined(SHIYIN_PORTABLE)

#pragma GCC target("bmi2,adx,avx2")

#ifndef SHIYIN_ADX /* which tests define for their own files, too */
#define SHIYIN_ADX
#endif
#define _GNU_SOURCE

#include "field.c"
#include "scalar.c"
#include "point.c"
#include "comb.c"
#include "cache.c"
#include "verify.c"
#include "batch.c"
#include "key.c"
#include "sign.c"
#include "cosign.c"
#include "arithmetic.c"

#endif
