/* The field GF(p), p = 2^256 - 2^224 - 2^96 + 2^64 - 1.  GB/T 32918.5 clause 2.
 *
 * Elements are in Montgomery form (a stands for a * 2^-256) and always below p.  Every operation takes
 * the same time for all values; output and inputs may be the same element.
 */
#ifndef SHIYIN_FIELD_H
#define SHIYIN_FIELD_H

#include "word.h"

typedef struct {
    word w[4];
} field;

extern const word field_p[4];
extern const field field_one;

/* out = a * b and out = a^2. */
void field_mul(field *out, const field *a, const field *b);
void field_sqr(field *out, const field *a);

/* out = a^-1; the inverse of zero is zero. */
void field_invert(field *out, const field *a);

/* Take 32 octets; returns 1 when they are below p, else 0 and out is meaningless. */
word field_read(field *out, const uint8_t octets[32]);
void field_write(uint8_t octets[32], const field *a);

/* Into and out of Montgomery form; plain is a number below p. */
void field_from_plain(field *out, const word plain[4]);
void field_to_plain(word plain[4], const field *a);

#ifdef SHIYIN_INTRINSICS

#include "field_x86.h"

#else

static inline void field_add(field *out, const field *a, const field *b)
{
    word sum[4];
    word top = add_256(sum, a->w, b->w);
    subtract_once(out->w, top, sum, field_p);
}

static inline void field_sub(field *out, const field *a, const field *b)
{
    word difference[4];
    word mask = mask_of(sub_256(difference, a->w, b->w));
    const word back[4] = {mask, mask & 0xFFFFFFFF00000000, mask, mask & 0xFFFFFFFEFFFFFFFF};
    add_256(out->w, difference, back);
}

#endif

/* out = a / 2: an odd a becomes even by p, and the sum may have 257 bits. */
static inline void field_halve(field *out, const field *a)
{
    word even[4], mask = mask_of(a->w[0] & 1);
    const word odd[4] = {mask, mask & 0xFFFFFFFF00000000, mask, mask & 0xFFFFFFFEFFFFFFFF};
    word top = add_256(even, a->w, odd);
    for (int i = 0; i < 3; i++)
        out->w[i] = even[i] >> 1 | even[i + 1] << 63;
    out->w[3] = even[3] >> 1 | top << 63;
}

/* All ones when a is zero. */
static inline word field_is_zero(const field *a)
{
    return mask_if_zero(a->w[0] | a->w[1] | a->w[2] | a->w[3]);
}

/* All ones when a and b are equal. */
static inline word field_equal(const field *a, const field *b)
{
    field difference;
    field_sub(&difference, a, b);
    return field_is_zero(&difference);
}

/* out = yes where the mask is all ones, no where it is zero. */
static inline void field_choose(field *out, word mask, const field *yes, const field *no)
{
    choose_256(out->w, mask, yes->w, no->w);
}

#endif
