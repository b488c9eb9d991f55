#include "cosign.h"

#include <stdlib.h>
#include <string.h>

/* Secrets --------------------------------------------------------------------------------------- */

/* SM2_OK for a number that is there.  Which it is becomes known. */
static sm2_status present(const scalar *x)
{
    word absent = scalar_is_zero(x);
    PUBLIC(&absent, sizeof absent);
    return absent ? SM2_FAULT : SM2_OK;
}

static void take_octets(scalar *out, const uint8_t octets[32])
{
    word number[4];
    read_256(number, octets);
    scalar_from_number(out, number);
    wipe(number, sizeof number);
}

/* out = a * b, both plain. */
static void multiply(scalar *out, const scalar *a, const scalar *b)
{
    scalar lifted;
    scalar_to_montgomery(&lifted, a);
    scalar_mul(out, &lifted, b);
    wipe(&lifted, sizeof lifted);
}

static void give_out(uint8_t octets[32], scalar *value)
{
    PUBLIC(value, sizeof *value);
    scalar_write(octets, value);
}

sm2_status sm2_number_read(scalar *out, const uint8_t octets[32])
{
    word valid = scalar_read(out, octets) & ~scalar_is_zero(out);
    PUBLIC(&valid, sizeof valid);
    return valid ? SM2_OK : SM2_OUT_OF_RANGE;
}

sm2_status sm2_number_draw(scalar *out)
{
    uint8_t wide[64];
    if (draw_entropy(wide, sizeof wide) != 0)
        return SM2_NO_ENTROPY;
    scalar_from_wide(out, wide);
    wipe(wide, sizeof wide);
    return SM2_OK;
}

STEP sm2_status sm2_number_inverse(scalar *out, const scalar *x)
{
    const scalar one = {{1, 0, 0, 0}};
    scalar inverse;
    sm2_status status = present(x);
    if (status != SM2_OK)
        return status;
    scalar_invert_to_montgomery(&inverse, x);
    scalar_mul(out, &inverse, &one);
    wipe(&inverse, sizeof inverse);
    return SM2_OK;
}

sm2_status sm2_number_product(scalar *out, const scalar *x, const scalar *y)
{
    if (present(x) != SM2_OK || present(y) != SM2_OK)
        return SM2_FAULT;
    multiply(out, x, y);
    return SM2_OK;
}

/* What SM3 takes for a nonce: what a group shares is one block, what tells its nonces apart another. */
typedef struct {
    uint8_t share[32];
    uint8_t fresh[32];
} shared_input;

/* As in Hash_df of SP 800-90A 10.3.1: counter and length, then the rest. */
typedef struct {
    uint8_t counter;
    uint8_t bits[4];
    char domain[10];
    uint8_t number[8];
    uint8_t hedge[32];
} own_input;

_Static_assert(sizeof(shared_input) == SM3_BLOCK, "the shared part is one block");
_Static_assert(sizeof(own_input) == 55, "one octet more would cost a third block");

static void derive(scalar *nonce, const sm3 *keyed, own_input *input)
{
    uint8_t wide[2 * SM3_OCTETS];
    sm3 hash;
    for (uint8_t i = 0; i < 2; i++) {
        input->counter = i + 1;
        hash = *keyed;
        sm3_add(&hash, input, sizeof *input);
        sm3_finish(&hash, wide + i * SM3_OCTETS);
    }
    scalar_from_wide(nonce, wide);
    wipe(wide, sizeof wide);
    wipe(&hash, sizeof hash);
}

/* points = numbers * G.  Points are kept back by their owner as long as they are secret. */
STEP static sm2_status to_points(size_t n, const comb *table, const scalar numbers[], uint8_t points[][64])
{
    running products[NUMBERS_MAX];
    field scratch[NUMBERS_MAX];
    affine found[NUMBERS_MAX];
    sm2_status status = SM2_OK;
    comb_multiply(products, table, numbers, n);
    running_normalise(found, products, scratch, n);
    PUBLIC(found, n * sizeof *found);
    for (size_t i = 0; i < n; i++) {
        if (!affine_on_curve(&found[i]))
            status = SM2_FAULT;
        affine_write(points[i], &found[i]);
    }
    wipe(products, sizeof products);
    wipe(scratch, sizeof scratch);
    wipe(found, sizeof found);
    return status;
}

STEP sm2_status sm2_number_nonces(size_t n, const scalar *share, uint64_t number, const uint8_t hedges[][32],
                                  scalar nonces[], uint8_t points[][64])
{
    shared_input shared;
    own_input input = {.bits = {0, 0, 2, 0}, .domain = "SM2 cosign"};
    sm3 keyed;
    sm2_status status = present(share);
    if (status != SM2_OK)
        return status;
    if (draw_entropy(shared.fresh, sizeof shared.fresh) != 0)
        return SM2_NO_ENTROPY;
    scalar_write(shared.share, share);
    sm3_start(&keyed);
    sm3_add(&keyed, &shared, sizeof shared);
    for (size_t i = 0; i < n; i++, number++) {
        for (int j = 0; j < 8; j++)
            input.number[j] = (uint8_t)(number >> (56 - 8 * j));
        memcpy(input.hedge, hedges[i], sizeof input.hedge);
        derive(&nonces[i], &keyed, &input);
    }
    wipe(&shared, sizeof shared);
    wipe(&keyed, sizeof keyed);
    return to_points(n, &comb_generator, nonces, points);
}

sm2_status sm2_number_base(uint8_t out[64], const scalar *x)
{
    sm2_status status = present(x);
    return status == SM2_OK ? to_points(1, &comb_generator, x, (uint8_t (*)[64])out) : status;
}

/* By a table of Q, which takes 0.6 ms to fill: keys are made, and shares refreshed, seldom. */
sm2_status sm2_number_point(uint8_t out[64], const scalar *x, const uint8_t q[64])
{
    affine point;
    sm2_status status = present(x);
    if (status != SM2_OK)
        return status;
    if (!affine_read(&point, q))
        return SM2_OUT_OF_RANGE;
    comb *table = aligned_alloc(64, sizeof *table);
    if (table == NULL || comb_fill(table, &point) != 0)
        status = SM2_NO_MEMORY;
    else
        status = to_points(1, table, x, (uint8_t (*)[64])out);
    free(table);
    return status;
}

sm2_status sm2_number_answer(uint8_t s3[32], const scalar *x, const scalar *k, const uint8_t r[32])
{
    scalar sum, product, added;
    if (present(x) != SM2_OK || present(k) != SM2_OK)
        return SM2_FAULT;
    if (!scalar_read(&added, r))
        return SM2_OUT_OF_RANGE;
    scalar_add(&sum, k, &added);
    word refused = scalar_is_zero(&sum);
    PUBLIC(&refused, sizeof refused);
    multiply(&product, x, &sum);
    wipe(&sum, sizeof sum);
    if (refused)
        return SM2_OUT_OF_RANGE;
    give_out(s3, &product);
    return SM2_OK;
}

sm2_status sm2_number_finish(uint8_t s[32], const scalar *x, const scalar *w, const uint8_t rho[16],
                             const uint8_t s3[32], const uint8_t r[32])
{
    uint8_t wide[32] = {0};
    scalar factor, term, sum, value;
    if (present(x) != SM2_OK || present(w) != SM2_OK)
        return SM2_FAULT;
    memcpy(wide + 16, rho, 16);
    take_octets(&factor, wide);
    multiply(&sum, &factor, w);
    if (!scalar_read(&value, s3))
        return SM2_OUT_OF_RANGE;
    multiply(&term, &value, x);
    scalar_add(&sum, &sum, &term);
    wipe(&term, sizeof term);
    if (!scalar_read(&value, r)) {
        wipe(&sum, sizeof sum);
        return SM2_OUT_OF_RANGE;
    }
    scalar_sub(&sum, &sum, &value);
    give_out(s, &sum);
    return SM2_OK;
}

sm2_status sm2_number_respond(uint8_t z[32], const scalar *x, const scalar *a, const uint8_t c[32])
{
    scalar challenge, sum;
    if (present(x) != SM2_OK || present(a) != SM2_OK)
        return SM2_FAULT;
    take_octets(&challenge, c);
    multiply(&sum, &challenge, x);
    scalar_add(&sum, &sum, a);
    give_out(z, &sum);
    return SM2_OK;
}

sm2_status sm2_number_blind(uint8_t blob[32], const scalar *x, const uint8_t mask[32])
{
    scalar sum;
    sm2_status status = present(x);
    if (status != SM2_OK)
        return status;
    take_octets(&sum, mask);
    scalar_add(&sum, &sum, x);
    give_out(blob, &sum);
    return SM2_OK;
}

sm2_status sm2_number_unblind(scalar *out, const uint8_t blob[32], const uint8_t mask[32])
{
    scalar value, taken;
    if (!scalar_read(&value, blob))
        return SM2_OUT_OF_RANGE;
    take_octets(&taken, mask);
    scalar_sub(out, &value, &taken);
    wipe(&taken, sizeof taken);
    return present(out) == SM2_OK ? SM2_OK : SM2_OUT_OF_RANGE;
}

/* Public ---------------------------------------------------------------------------------------- */

/* acc = rho * q1 + k; returns 0 where there is no such point. */
static int sum_of(running *acc, const binding *wanted)
{
    affine q1, k;
    point sum = point_infinity;
    scalar rho;
    uint8_t wide[32] = {0};
    if (!affine_read(&q1, wanted->q1) || !affine_read(&k, wanted->k))
        return 0;
    memcpy(wide + 16, wanted->rho, 16);
    take_octets(&rho, wide);
    point_add_multiple_public(&sum, &q1, rho.w);
    point_add_affine_public(&sum, &k);
    if (field_is_zero(&sum.z))
        return 0;
    running_from_point(acc, &sum);
    return 1;
}

void sm2_bind(size_t n, binding bindings[])
{
    running sums[NUMBERS_MAX];
    field scratch[NUMBERS_MAX];
    affine found[NUMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        bindings[i].valid = sum_of(&sums[count], &bindings[i]);
        count += (size_t)bindings[i].valid;
    }
    if (count == 0)
        return;
    running_normalise(found, sums, scratch, count);
    for (size_t i = 0, at = 0; i < n; i++)
        if (bindings[i].valid)
            affine_write(bindings[i].sum, &found[at++]);
}

/* Write a sum, unless it is infinity. */
static int write_sum(uint8_t out[64], const running *sum)
{
    field scratch;
    affine found;
    if (field_is_zero(&sum->zz))
        return 0;
    running_normalise(&found, sum, &scratch, 1);
    affine_write(out, &found);
    return 1;
}

int sm2_combine(uint8_t out[64], const uint8_t z[32], const uint8_t c[32], const uint8_t p[64])
{
    affine read;
    scalar factor;
    point multiple = point_infinity;
    running sum;
    if (!affine_read(&read, p))
        return 0;
    take_octets(&factor, c);
    scalar_sub(&factor, &(scalar){{0}}, &factor);
    point_add_multiple_public(&multiple, &read, factor.w);
    running_from_point(&sum, &multiple);
    take_octets(&factor, z);
    if (!scalar_is_zero(&factor))
        comb_add_public(&sum, &comb_generator, &factor);
    return write_sum(out, &sum);
}

int sm2_sum(uint8_t out[64], const uint8_t a[64], const uint8_t b[64])
{
    affine first, second;
    running sum;
    if (!affine_read(&first, a) || !affine_read(&second, b))
        return 0;
    running_from_affine(&sum, &first);
    running_add_public(&sum, &second, 0);
    return write_sum(out, &sum);
}
