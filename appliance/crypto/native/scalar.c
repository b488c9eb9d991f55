#include "scalar.h"

const word scalar_n[4] = {0x53BBF40939D54123, 0x7203DF6B21C6052B, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFEFFFFFFFF};

/* -n^-1 mod 2^64; 2^256 mod n and 2^512 mod n. */
#define N0 0x327F9E8872350975ULL
static const scalar SCALAR_ONE = {{0xAC440BF6C62ABEDD, 0x8DFC2094DE39FAD4, 0, 0x0000000100000000}};
static const scalar SCALAR_R2 = {{0x901192AF7C114F20, 0x3464504ADE6FA2FA, 0x620FC84C3AFFE0D4, 0x1EB5E412A22B3D3B}};

void scalar_add(scalar *out, const scalar *a, const scalar *b)
{
    word sum[4];
    word top = add_256(sum, a->w, b->w);
    subtract_once(out->w, top, sum, scalar_n);
}

void scalar_sub(scalar *out, const scalar *a, const scalar *b)
{
    word difference[4], back[4];
    word mask = mask_of(sub_256(difference, a->w, b->w));
    for (int i = 0; i < 4; i++)
        back[i] = mask & scalar_n[i];
    add_256(out->w, difference, back);
}

void scalar_mul(scalar *out, const scalar *a, const scalar *b)
{
    word t[8];
    multiply_256(t, a->w, b->w);
    word top = 0;
    for (int i = 0; i < 4; i++) {
        word row[5] = {t[i], t[i + 1], t[i + 2], t[i + 3]};
        multiply_add_row(row, scalar_n, t[i] * N0);
        for (int j = 0; j < 4; j++)
            t[i + j] = row[j];
        top = add_carry((carry)top, t[i + 4], row[4], &t[i + 4]);
    }
    subtract_once(out->w, top, t + 4, scalar_n);
}

void scalar_to_montgomery(scalar *out, const scalar *a)
{
    scalar_mul(out, a, &SCALAR_R2);
}

/* a^(n-2) by square and multiply; the exponent is public, so its bits may steer. */
void scalar_invert_to_montgomery(scalar *out, const scalar *a)
{
    scalar base, power = SCALAR_ONE;
    scalar_to_montgomery(&base, a);
    for (int i = 255; i >= 0; i--) {
        scalar_mul(&power, &power, &power);
        word exponent = i < 64 ? scalar_n[0] - 2 : scalar_n[i / 64];
        if (exponent >> (i % 64) & 1)
            scalar_mul(&power, &power, &base);
    }
    *out = power;
}

word scalar_is_zero(const scalar *a)
{
    return mask_if_zero(a->w[0] | a->w[1] | a->w[2] | a->w[3]);
}

word scalar_read(scalar *out, const uint8_t octets[32])
{
    word less[4];
    read_256(out->w, octets);
    return sub_256(less, out->w, scalar_n);
}

void scalar_write(uint8_t octets[32], const scalar *a)
{
    write_256(octets, a->w);
}

void scalar_from_number(scalar *out, const word value[4])
{
    subtract_once(out->w, 0, value, scalar_n);
}

/* r = (r * 2^64 + next) mod m, m = n - 1, r below m.
 *
 * With h the top word of r, the quotient is guessed as q = h + (h >> 32), since m is about
 * 2^256 (1 - 2^-32).  q is never too large, and the remainder is below 3 * 2^256 + 2^192: at most three
 * subtractions of m are left over. */
static void shift_in(word r[4], word next)
{
    const word m[4] = {scalar_n[0] - 1, scalar_n[1], scalar_n[2], scalar_n[3]};
    word q = r[3] + (r[3] >> 32), product[5] = {0}, rest[5];
    multiply_add_row(product, m, q);
    carry c = sub_borrow(0, next, product[0], &rest[0]);
    for (int i = 1; i < 5; i++)
        c = sub_borrow(c, r[i - 1], product[i], &rest[i]);
    for (int times = 0; times < 3; times++) {
        word less[5];
        c = sub_256(less, rest, m);
        c = sub_borrow(c, rest[4], 0, &less[4]);
        word keep = mask_of(c);
        for (int i = 0; i < 5; i++)
            rest[i] = choose(keep, rest[i], less[i]);
    }
    for (int i = 0; i < 4; i++)
        r[i] = rest[i];
}

void scalar_from_wide(scalar *out, const uint8_t octets[64])
{
    word low[4], r[4] = {0};
    const word one[4] = {1, 0, 0, 0};
    read_256(low, octets);
    for (int i = 3; i >= 0; i--)
        shift_in(r, low[i]);
    read_256(low, octets + 32);
    for (int i = 3; i >= 0; i--)
        shift_in(r, low[i]);
    add_256(out->w, r, one);
}
