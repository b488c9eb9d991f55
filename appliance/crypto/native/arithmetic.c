#include "arithmetic.h"

#include "sign.h"
#include "verify.h"

#if defined(SHIYIN_ADX)
#define PATH "bmi2-adx"
#elif defined(SHIYIN_INTRINSICS)
#define PATH "x86-64"
#else
#define PATH "portable"
#endif

static int is_public(const uint8_t public[64])
{
    affine p;
    return affine_read(&p, public);
}

const arithmetic sm2_arithmetic = {
    PATH, comb_initialise, sm2_key_generate, sm2_key_load, sm2_sign, sm2_verify, is_public,
};
