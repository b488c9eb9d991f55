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

static const struct number_arithmetic numbers = {
    sm2_number_read,   sm2_number_draw,    sm2_number_inverse, sm2_number_product, sm2_number_nonces,
    sm2_number_base,   sm2_number_point,   sm2_number_answer,  sm2_number_finish,  sm2_number_respond,
    sm2_number_blind,  sm2_number_unblind, sm2_bind,           sm2_combine,        sm2_sum,
};

const arithmetic sm2_arithmetic = {
    PATH, comb_initialise, sm2_key_generate, sm2_key_load, sm2_sign, sm2_verify, is_public, &numbers,
};
