#include "point.h"

const affine point_generator = {
    {{0x61328990F418029E, 0x3E7981EDDCA6C050, 0xD6A1ED99AC24C3C3, 0x91167A5EE1C13B05}},
    {{0xC1354E593C2D0DDD, 0xC1F5E5788D3295FA, 0x8D4CFB066E2A48F8, 0x63CD65D481D735BD}},
};
const point point_infinity;

static const field CURVE_B = {
    {0x90D230632BC0DD42, 0x71CF379AE9B537AB, 0x527981505EA51C3C, 0x240FE188BA20E2C8}};

int affine_on_curve(const affine *a)
{
    field left, right, three_x;
    field_sqr(&left, &a->y);
    field_sqr(&right, &a->x);
    field_mul(&right, &right, &a->x);
    field_add(&three_x, &a->x, &a->x);
    field_add(&three_x, &three_x, &a->x);
    field_sub(&right, &right, &three_x);
    field_add(&right, &right, &CURVE_B);
    return field_equal(&left, &right) & 1;
}

int affine_read(affine *out, const uint8_t octets[64])
{
    word below = field_read(&out->x, octets) & field_read(&out->y, octets + 32);
    return below && affine_on_curve(out);
}

void affine_write(uint8_t octets[64], const affine *a)
{
    field_write(octets, &a->x);
    field_write(octets + 32, &a->y);
}

/* 4M + 4S for a = -3, with fewer additions than the 3M + 5S of dbl-2001-b in the Explicit-Formulas Database:
 * S = 4 X Y^2, M = 3 (X - Z^2)(X + Z^2), X3 = M^2 - 2 S, Y3 = M (S - X3) - 8 Y^4, Z3 = 2 Y Z.
 * Infinity stays infinity. */
void point_double(point *out, const point *a)
{
    field s, m, t, y;
    field_sqr(&t, &a->z);
    field_sub(&s, &a->x, &t);
    field_add(&t, &a->x, &t);
    field_mul(&m, &s, &t);
    field_add(&t, &m, &m);
    field_add(&m, &m, &t);

    field_add(&y, &a->y, &a->y);
    field_mul(&out->z, &y, &a->z);
    field_sqr(&y, &y);
    field_mul(&s, &y, &a->x);
    field_sqr(&y, &y);
    field_halve(&y, &y);

    field_sqr(&t, &m);
    field_sub(&t, &t, &s);
    field_sub(&out->x, &t, &s);
    field_sub(&s, &s, &out->x);
    field_mul(&s, &s, &m);
    field_sub(&out->y, &s, &y);
}

/* The end of an addition of points, from U1, S1 (the first point brought to common Z), H = U2 - U1 and
 * R = S2 - S1: X3 = R^2 - H^3 - 2 U1 H^2, Y3 = R (U1 H^2 - X3) - S1 H^3.  Z3 is the caller's. */
static inline void finish_addition(point *out, const field *u1, const field *s1, const field *h, const field *r)
{
    field hh, hhh, v;
    field_sqr(&hh, h);
    field_mul(&hhh, &hh, h);
    field_mul(&v, u1, &hh);
    field_mul(&hh, s1, &hhh);
    field_sqr(&out->x, r);
    field_sub(&out->x, &out->x, &hhh);
    field_sub(&out->x, &out->x, &v);
    field_sub(&out->x, &out->x, &v);
    field_sub(&v, &v, &out->x);
    field_mul(&v, &v, r);
    field_sub(&out->y, &v, &hh);
}

/* H = x Z^2 - X and R = y Z^3 - Y: how far q is from acc. */
static inline void compare_affine(field *h, field *r, const point *acc, const affine *q)
{
    field zz;
    field_sqr(&zz, &acc->z);
    field_mul(h, &q->x, &zz);
    field_mul(&zz, &zz, &acc->z);
    field_mul(r, &q->y, &zz);
    field_sub(h, h, &acc->x);
    field_sub(r, r, &acc->y);
}

void running_from_point(running *out, const point *a)
{
    *out = (running){.x = a->x, .y = a->y};
    field_sqr(&out->zz, &a->z);
    field_mul(&out->zzz, &out->zz, &a->z);
}

void running_from_affine(running *out, const affine *a)
{
    *out = (running){a->x, a->y, field_one, field_one};
}

/* The end of madd-2008-s of the Explicit-Formulas Database (8M + 2S), from H = x ZZ - X and R = y ZZZ - Y. */
static inline void finish_running(running *acc, const field *h, const field *r)
{
    field hh, hhh, v, x;
    field_sqr(&hh, h);
    field_mul(&hhh, &hh, h);
    field_mul(&v, &acc->x, &hh);
    field_mul(&acc->zz, &acc->zz, &hh);
    field_mul(&acc->zzz, &acc->zzz, &hhh);
    field_mul(&hh, &acc->y, &hhh);
    field_sqr(&x, r);
    field_sub(&x, &x, &hhh);
    field_sub(&x, &x, &v);
    field_sub(&acc->x, &x, &v);
    field_sub(&v, &v, &acc->x);
    field_mul(&v, &v, r);
    field_sub(&acc->y, &v, &hh);
}

void running_add(running *acc, const affine *q)
{
    field h, r;
    field_mul(&h, &q->x, &acc->zz);
    field_mul(&r, &q->y, &acc->zzz);
    field_sub(&h, &h, &acc->x);
    field_sub(&r, &r, &acc->y);
    finish_running(acc, &h, &r);
}

void running_normalise(affine *out, const running *in, field *products, size_t n)
{
    field inverse, i, t;
    products[0] = in[0].zzz;
    for (size_t at = 1; at < n; at++)
        field_mul(&products[at], &products[at - 1], &in[at].zzz);
    field_invert(&inverse, &products[n - 1]);
    for (size_t at = n; at-- > 0;) {
        if (at > 0)
            field_mul(&i, &inverse, &products[at - 1]);
        else
            i = inverse;
        field_mul(&inverse, &inverse, &in[at].zzz);
        field_mul(&out[at].y, &in[at].y, &i);
        field_mul(&t, &in[at].zz, &i); /* (ZZ / ZZZ)^2 = 1 / ZZ */
        field_sqr(&t, &t);
        field_mul(&out[at].x, &in[at].x, &t);
    }
}

void running_add_public(running *acc, const affine *q, int negative)
{
    field h, r;
    affine term = *q;
    if (negative)
        field_sub(&term.y, &(field){{0}}, &q->y);
    if (field_is_zero(&acc->zz)) {
        running_from_affine(acc, &term);
        return;
    }
    field_mul(&h, &term.x, &acc->zz);
    field_mul(&r, &term.y, &acc->zzz);
    field_sub(&h, &h, &acc->x);
    field_sub(&r, &r, &acc->y);
    if (field_is_zero(&h) && field_is_zero(&r)) {
        point twice = {term.x, term.y, field_one};
        point_double(&twice, &twice);
        running_from_point(acc, &twice);
        return;
    }
    finish_running(acc, &h, &r); /* gives ZZ = 0 for opposite points */
}

void point_add_affine_public(point *acc, const affine *q)
{
    field h, r;
    if (field_is_zero(&acc->z)) {
        *acc = (point){q->x, q->y, field_one};
        return;
    }
    compare_affine(&h, &r, acc, q);
    if (field_is_zero(&h) && field_is_zero(&r)) {
        point_double(acc, acc);
        return;
    }
    field_mul(&acc->z, &acc->z, &h); /* 0 for opposite points */
    finish_addition(acc, &acc->x, &acc->y, &h, &r);
}

void point_add_public(point *acc, const point *q)
{
    if (field_is_zero(&q->z))
        return;
    if (field_is_zero(&acc->z)) {
        *acc = *q;
        return;
    }
    field z1, z2, u1, s1, h, r;
    field_sqr(&z1, &acc->z);
    field_sqr(&z2, &q->z);
    field_mul(&u1, &acc->x, &z2);
    field_mul(&h, &q->x, &z1);
    field_mul(&z1, &z1, &acc->z);
    field_mul(&z2, &z2, &q->z);
    field_mul(&s1, &acc->y, &z2);
    field_mul(&r, &q->y, &z1);
    field_sub(&h, &h, &u1);
    field_sub(&r, &r, &s1);
    if (field_is_zero(&h) && field_is_zero(&r)) {
        point_double(acc, acc);
        return;
    }
    field_mul(&acc->z, &acc->z, &q->z);
    field_mul(&acc->z, &acc->z, &h); /* 0 for opposite points */
    finish_addition(acc, &u1, &s1, &h, &r);
}

#define NAF_WIDTH 5
#define NAF_DIGITS 257

/* k as odd digits below 16 in size, at least five places apart: k = sum digits[i] * 2^i. */
static void recode_naf(signed char digits[NAF_DIGITS], const word k[4])
{
    int borrowed = 0;
    for (int i = 0; i < NAF_DIGITS; i++)
        digits[i] = 0;
    for (int i = 0; i < 256;) {
        if ((int)(bits_at(k, i) & 1) == borrowed) {
            i++;
            continue;
        }
        int left = 256 - i < NAF_WIDTH ? 256 - i : NAF_WIDTH;
        int digit = (int)(bits_at(k, i) & ((1 << left) - 1)) + borrowed;
        borrowed = digit >> (NAF_WIDTH - 1);
        digits[i] = (signed char)(digit - (borrowed << NAF_WIDTH));
        i += left;
    }
    digits[256] = (signed char)borrowed;
}

void point_add_multiple_public(point *acc, const affine *q, const word k[4])
{
    signed char digits[NAF_DIGITS];
    point odd[1 << (NAF_WIDTH - 2)], twice, sum = point_infinity;
    recode_naf(digits, k);
    odd[0] = (point){q->x, q->y, field_one};
    point_double(&twice, &odd[0]);
    for (int i = 1; i < 1 << (NAF_WIDTH - 2); i++) {
        odd[i] = twice;
        point_add_public(&odd[i], &odd[i - 1]);
    }
    int top = NAF_DIGITS - 1;
    while (top > 0 && digits[top] == 0)
        top--;
    for (int i = top; i >= 0; i--) {
        point_double(&sum, &sum);
        int digit = digits[i];
        if (digit == 0)
            continue;
        point term = odd[(digit < 0 ? -digit : digit) / 2];
        if (digit < 0)
            field_sub(&term.y, &(field){{0}}, &term.y);
        point_add_public(&sum, &term);
    }
    point_add_public(acc, &sum);
}
