#include "arithmetic.h"

#ifdef SHIYIN_INTRINSICS

extern const arithmetic sm2_arithmetic_adx; /* of adx.c */

const arithmetic *fastest(void)
{
    /* libgcc asked the processor, and for AVX2 the kernel too, before main. */
    if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("adx") && __builtin_cpu_supports("avx2"))
        return &sm2_arithmetic_adx;
    return &sm2_arithmetic;
}

#else

const arithmetic *fastest(void)
{
    return &sm2_arithmetic;
}

#endif
