#include "field.h"

const word field_p[4] = {0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF00000000, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFEFFFFFFFF};

/* 2^256 mod p and 2^512 mod p. */
const field field_one = {{0x0000000000000001, 0x00000000FFFFFFFF, 0, 0x0000000100000000}};
static const field FIELD_R2 = {{0x0000000200000003, 0x00000002FFFFFFFF, 0x0000000100000001, 0x0000000400000002}};

/* One Montgomery round without a multiplication.  p is -1 mod 2^64, so the multiplier is m = a[0] itself,
 * and (a + m p) / 2^64 = (a >> 64) + m (2^192 - 2^160 - 2^32 + 1), which stays below 2^256. */
static inline void reduce_round(word a[4])
{
    word m = a[0], left = m << 32, right = m >> 32, v0, v1, v2, v3;
    carry c = sub_borrow(0, m, left, &v0);
    c = sub_borrow(c, 0, right, &v1);
    c = sub_borrow(c, 0, left, &v2);
    sub_borrow(c, m, right, &v3);
    c = add_carry(0, a[1], v0, &a[0]);
    c = add_carry(c, a[2], v1, &a[1]);
    c = add_carry(c, a[3], v2, &a[2]);
    add_carry(c, 0, v3, &a[3]);
}

/* out = t * 2^-256 mod p for t below 2^256 p. */
static inline void reduce(field *out, const word t[8])
{
    word a[4] = {t[0], t[1], t[2], t[3]};
    reduce_round(a);
    reduce_round(a);
    reduce_round(a);
    reduce_round(a);
    word top = add_256(a, a, t + 4);
    subtract_once(out->w, top, a, field_p);
}

#ifdef SHIYIN_ADX

#include "field_adx.h"

#else

void field_mul(field *out, const field *a, const field *b)
{
    word t[8];
    multiply_256(t, a->w, b->w);
    reduce(out, t);
}

/* t = a^2: the six cross products, doubled, and the four squares. */
static inline void square_256(word t[8], const word a[4])
{
    dword p01 = (dword)a[0] * a[1], p02 = (dword)a[0] * a[2], p03 = (dword)a[0] * a[3];
    dword p12 = (dword)a[1] * a[2], p13 = (dword)a[1] * a[3], p23 = (dword)a[2] * a[3];
    t[1] = (word)p01;
    carry c = add_carry(0, (word)(p01 >> 64), (word)p02, &t[2]);
    c = add_carry(c, (word)(p02 >> 64), (word)p03, &t[3]);
    c = add_carry(c, (word)(p03 >> 64), (word)p13, &t[4]);
    c = add_carry(c, (word)(p13 >> 64), (word)p23, &t[5]);
    add_carry(c, (word)(p23 >> 64), 0, &t[6]);
    c = add_carry(0, t[3], (word)p12, &t[3]);
    c = add_carry(c, t[4], (word)(p12 >> 64), &t[4]);
    c = add_carry(c, t[5], 0, &t[5]);
    add_carry(c, t[6], 0, &t[6]);

    t[7] = t[6] >> 63;
    for (int i = 6; i > 1; i--)
        t[i] = t[i] << 1 | t[i - 1] >> 63;
    t[1] <<= 1;

    dword s0 = (dword)a[0] * a[0], s1 = (dword)a[1] * a[1];
    dword s2 = (dword)a[2] * a[2], s3 = (dword)a[3] * a[3];
    t[0] = (word)s0;
    c = add_carry(0, t[1], (word)(s0 >> 64), &t[1]);
    c = add_carry(c, t[2], (word)s1, &t[2]);
    c = add_carry(c, t[3], (word)(s1 >> 64), &t[3]);
    c = add_carry(c, t[4], (word)s2, &t[4]);
    c = add_carry(c, t[5], (word)(s2 >> 64), &t[5]);
    c = add_carry(c, t[6], (word)s3, &t[6]);
    add_carry(c, t[7], (word)(s3 >> 64), &t[7]);
}

void field_sqr(field *out, const field *a)
{
    word t[8];
    square_256(t, a->w);
    reduce(out, t);
}

#endif

/* out = a^(2^times) * b: append `times` bits to an exponent and add another. */
static void square_then_mul(field *out, const field *a, int times, const field *b)
{
    field power = *a;
    for (int i = 0; i < times; i++)
        field_sqr(&power, &power);
    field_mul(out, &power, b);
}

/* a^(p-2).  The exponent is 31 ones, a zero, 128 ones, 32 zeros, 62 ones, a zero and a one;
 * `n` ones in a row are held in on. */
void field_invert(field *out, const field *a)
{
    field o2, o3, o6, o12, o15, o30, o31, o32, power;
    square_then_mul(&o2, a, 1, a);
    square_then_mul(&o3, &o2, 1, a);
    square_then_mul(&o6, &o3, 3, &o3);
    square_then_mul(&o12, &o6, 6, &o6);
    square_then_mul(&o15, &o12, 3, &o3);
    square_then_mul(&o30, &o15, 15, &o15);
    square_then_mul(&o31, &o30, 1, a);
    square_then_mul(&o32, &o31, 1, a);
    square_then_mul(&power, &o31, 33, &o32);
    square_then_mul(&power, &power, 32, &o32);
    square_then_mul(&power, &power, 32, &o32);
    square_then_mul(&power, &power, 32, &o32);
    square_then_mul(&power, &power, 64, &o32);
    square_then_mul(&power, &power, 30, &o30);
    square_then_mul(out, &power, 2, a);
}

void field_from_plain(field *out, const word plain[4])
{
    field value = {{plain[0], plain[1], plain[2], plain[3]}};
    field_mul(out, &value, &FIELD_R2);
}

void field_to_plain(word plain[4], const field *a)
{
    word t[8] = {a->w[0], a->w[1], a->w[2], a->w[3], 0, 0, 0, 0};
    field value;
    reduce(&value, t);
    for (int i = 0; i < 4; i++)
        plain[i] = value.w[i];
}

word field_read(field *out, const uint8_t octets[32])
{
    word plain[4], less[4];
    read_256(plain, octets);
    field_from_plain(out, plain);
    return sub_256(less, plain, field_p);
}

void field_write(uint8_t octets[32], const field *a)
{
    word plain[4];
    field_to_plain(plain, a);
    write_256(octets, plain);
}
