#include "batch.h"

#include "secrecy.h"
#include "verify.h"

#define WIDTH 5
#define WINDOWS 13 /* 64 bits and the sign */
#define BUCKETS 16

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

/* One signed digit of a window of `width` bits: the number is sum (+-size_i) * 2^(width * i).  `bits` holds
 * the window and, below it, the highest bit of the window before.  *negative is 0 or 1.  Constant time. */
static inline word signed_digit(word bits, int width, word *negative)
{
    bits &= ((word)2 << width) - 1;
    word half = (bits + 1) >> 1;
    *negative = bits >> width;
    return choose(mask_of(*negative), ((word)1 << width) - half, half);
}

/* One window of Pippenger's sum: total -= sum digit_i * points_i.  Each point goes to the bucket of its digit;
 * adding the running sum of the buckets from the top counts bucket b b times. */
static void subtract_window(point *total, size_t n, const affine points[], const word z[], int window)
{
    point bucket[BUCKETS], running = point_infinity;
    for (int b = 0; b < BUCKETS; b++)
        bucket[b] = point_infinity;
    for (size_t i = 0; i < n; i++) {
        word negative;
        word bits = window == 0 ? z[i] << 1 : z[i] >> (WIDTH * window - 1);
        word size = signed_digit(bits, WIDTH, &negative);
        if (size != 0)
            point_add_affine_public(&bucket[size - 1], &points[i], !negative);
    }
    for (int b = BUCKETS - 1; b >= 0; b--) {
        point_add_public(&running, &bucket[b]);
        point_add_public(total, &running);
    }
}

/* total = -sum z_i * points_i. */
static void subtract_multiples(point *total, size_t n, const affine points[], const word z[])
{
    *total = point_infinity;
    for (int window = WINDOWS - 1; window >= 0; window--) {
        for (int i = 0; i < WIDTH; i++)
            point_double(total, total);
        subtract_window(total, n, points, z, window);
    }
}

/* sum += z * a * 2^-256: the caller takes the power of two out once, at the end. */
static void accumulate(scalar *sum, word z, const scalar *a)
{
    scalar product;
    scalar_mul(&product, &(scalar){{z, 0, 0, 0}}, a);
    scalar_add(sum, sum, &product);
}

int sm2_verify_batch(const comb *table, size_t n, const uint8_t digests[][32], const uint8_t signatures[][64],
                     const affine commitments[])
{
    word z[BATCH_MAX];
    scalar of_generator = {{0}}, of_public = {{0}};
    point sum;
    if (draw_entropy(z, n * sizeof z[0]) != 0)
        return -1;
    PUBLIC(z, n * sizeof z[0]);
    for (size_t i = 0; i < n; i++) {
        scalar r, s, t, expected;
        if (!signature_read(&r, &s, &t, signatures[i]) || !affine_on_curve(&commitments[i]))
            return 0;
        sm2_commitment_r(&expected, digests[i], &commitments[i]);
        scalar_sub(&expected, &expected, &r);
        if (!scalar_is_zero(&expected))
            return 0;
        accumulate(&of_generator, z[i], &s);
        accumulate(&of_public, z[i], &t);
    }
    scalar_to_montgomery(&of_generator, &of_generator);
    scalar_to_montgomery(&of_public, &of_public);
    subtract_multiples(&sum, n, commitments, z);
    comb_add_public(&sum, &comb_generator, &of_generator);
    comb_add_public(&sum, table, &of_public);
    return field_is_zero(&sum.z) != 0;
}
