#include "batch.h"

#include "secrecy.h"
#include "verify.h"

/* The random factor z of a signature is a sum of sixteen signed powers of two, one of every nine bits:
 * z = sum +-2^(9j + b), 0 <= b < 8.  The ninth bit keeps all 2^64 of them apart, and no two are congruent, as
 * they stay below 2^144.  A sum of z R is then a bucket of points for each of 128 powers, and one Horner
 * scheme over the buckets, where a z of 64 bits would have cost a second sum over buckets of every digit. */
#define BLOCKS 16
#define POWERS 8
#define STRIDE (POWERS + 1)
#define BUCKETS (BLOCKS * POWERS)

/* With fewer sums than this to share it, an inversion (3.5 us) costs more than affine sums save. */
#define WORTH_INVERTING 50

/* Bucket b holds item[start[b]] and the count[b] - 1 behind it. */
typedef struct {
    affine item[BLOCKS * BATCH_MAX];
    unsigned start[BUCKETS], count[BUCKETS];
} buckets;

void sm2_commitment_r(scalar *r, const uint8_t e[32], const affine *commitment)
{
    scalar reduced;
    word number[4];
    field_to_plain(number, &commitment->x);
    scalar_from_number(r, number);
    read_256(number, e);
    scalar_from_number(&reduced, number);
    scalar_add(r, r, &reduced);
}

/* Block j of a z, of four of its random bits: the bucket, and 1 in *negative for a negative power. */
static inline unsigned bucket_of(word bits, unsigned j, int *negative)
{
    unsigned four = bits >> (4 * j) & 15;
    *negative = (int)(four >> 3);
    return POWERS * j + (four & 7);
}

/* z modulo n. */
static void factor_of(scalar *z, word bits)
{
    scalar sum[2] = {{{0}}, {{0}}}; /* of the positive and the negative powers */
    for (unsigned j = 0; j < BLOCKS; j++) {
        int negative;
        unsigned at = bucket_of(bits, j, &negative) + j; /* the gaps below */
        sum[negative].w[at / 64] |= (word)1 << (at % 64);
    }
    scalar_sub(z, &sum[0], &sum[1]);
}

/* Put each point, negated for a positive power, into its sixteen buckets. */
static void sort(buckets *all, size_t n, const affine points[], const word bits[])
{
    int negative;
    unsigned total = 0;
    for (int b = 0; b < BUCKETS; b++)
        all->count[b] = 0;
    for (size_t i = 0; i < n; i++)
        for (unsigned j = 0; j < BLOCKS; j++)
            all->count[bucket_of(bits[i], j, &negative)]++;
    for (int b = 0; b < BUCKETS; b++) {
        all->start[b] = total;
        total += all->count[b];
        all->count[b] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        field minus;
        field_sub(&minus, &(field){{0}}, &points[i].y);
        for (unsigned j = 0; j < BLOCKS; j++) {
            unsigned b = bucket_of(bits[i], j, &negative);
            all->item[all->start[b] + all->count[b]++] = (affine){points[i].x, negative ? points[i].y : minus};
        }
    }
}

/* a += b, given (x_b - x_a)^-1. */
static void add_given_inverse(affine *a, const affine *b, const field *inverse)
{
    field slope, x;
    field_sub(&slope, &b->y, &a->y);
    field_mul(&slope, &slope, inverse);
    field_sqr(&x, &slope);
    field_sub(&x, &x, &a->x);
    field_sub(&x, &x, &b->x);
    field_sub(&a->x, &a->x, &x);
    field_mul(&slope, &slope, &a->x);
    field_sub(&a->y, &slope, &a->y);
    a->x = x;
}

/* Halve every bucket: add its upper half to its lower one, all with one inversion.  Returns how many sums
 * that were, 0 when it is not worth doing, or -1 when the points of a sum have the same x, which honest
 * commitments never do. */
static int halve(buckets *all)
{
    field products[BLOCKS * BATCH_MAX / 2 + 1] = {field_one}, inverse, difference, each;
    int sums = 0;
    for (int b = 0; b < BUCKETS; b++) {
        affine *low = all->item + all->start[b], *high = low + (all->count[b] + 1) / 2;
        for (unsigned i = 0; i < all->count[b] / 2; i++, sums++) {
            field_sub(&difference, &high[i].x, &low[i].x);
            field_mul(&products[sums + 1], &products[sums], &difference);
        }
    }
    if (sums < WORTH_INVERTING)
        return 0;
    if (field_is_zero(&products[sums]))
        return -1;
    field_invert(&inverse, &products[sums]);
    for (int b = BUCKETS - 1, left = sums; b >= 0; b--) {
        affine *low = all->item + all->start[b], *high = low + (all->count[b] + 1) / 2;
        for (unsigned i = all->count[b] / 2; i-- > 0;) {
            field_mul(&each, &inverse, &products[--left]);
            field_sub(&difference, &high[i].x, &low[i].x);
            field_mul(&inverse, &inverse, &difference);
            add_given_inverse(&low[i], &high[i], &each);
        }
        all->count[b] = (all->count[b] + 1) / 2;
    }
    return sums;
}

/* total = -sum z_i * points_i; returns 0 when the points are no honest commitments. */
static int subtract_multiples(point *total, size_t n, const affine points[], const word bits[])
{
    buckets all;
    int sums;
    sort(&all, n, points, bits);
    while ((sums = halve(&all)) != 0)
        if (sums < 0)
            return 0;
    *total = point_infinity;
    for (int at = STRIDE * BLOCKS - 2; at >= 0; at--) {
        int b = at - at / STRIDE;
        point_double(total, total);
        for (unsigned i = 0; at % STRIDE < POWERS && i < all.count[b]; i++)
            point_add_affine_public(total, &all.item[all.start[b] + i]);
    }
    return 1;
}

/* sum += z * a * 2^-256: the caller takes the power of two out once, at the end. */
static void accumulate(scalar *sum, const scalar *z, const scalar *a)
{
    scalar product;
    scalar_mul(&product, z, a);
    scalar_add(sum, sum, &product);
}

int sm2_verify_batch(const comb *table, size_t n, const uint8_t digests[][32], const uint8_t signatures[][64],
                     const affine commitments[])
{
    word bits[BATCH_MAX];
    scalar of_generator = {{0}}, of_public = {{0}};
    point multiples;
    running sum;
    if (draw_entropy(bits, n * sizeof bits[0]) != 0)
        return -1;
    PUBLIC(bits, n * sizeof bits[0]);
    for (size_t i = 0; i < n; i++) {
        scalar r, s, t, z, expected;
        if (!signature_read(&r, &s, &t, signatures[i]) || !affine_on_curve(&commitments[i]))
            return 0;
        sm2_commitment_r(&expected, digests[i], &commitments[i]);
        scalar_sub(&expected, &expected, &r);
        if (!scalar_is_zero(&expected))
            return 0;
        factor_of(&z, bits[i]);
        accumulate(&of_generator, &z, &s);
        accumulate(&of_public, &z, &t);
    }
    scalar_to_montgomery(&of_generator, &of_generator);
    scalar_to_montgomery(&of_public, &of_public);
    if (!subtract_multiples(&multiples, n, commitments, bits))
        return 0;
    running_from_point(&sum, &multiples);
    comb_add_public(&sum, &comb_generator, &of_generator);
    comb_add_public(&sum, table, &of_public);
    return field_is_zero(&sum.zz) != 0;
}
