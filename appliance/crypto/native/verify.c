#include "verify.h"

#include "cache.h"

int signature_read(scalar *r, scalar *s, scalar *t, const uint8_t signature[64])
{
    if (!scalar_read(r, signature) || !scalar_read(s, signature + 32))
        return 0;
    scalar_add(t, r, s);
    return !scalar_is_zero(r) && !scalar_is_zero(s) && !scalar_is_zero(t);
}

/* Tell whether x == X / ZZ for a plain x below p, without dividing. */
static int has_x(const running *sum, const word x[4])
{
    field expected;
    field_from_plain(&expected, x);
    field_mul(&expected, &expected, &sum->zz);
    return field_equal(&expected, &sum->x) & 1;
}

/* Tell whether (e + x1) mod n == r for x1 the abscissa of `sum`.  x1 is below p and p < 2n, so it is
 * (r - e) mod n or that plus n. */
static int commits_to(const running *sum, const scalar *r, const uint8_t e[32])
{
    scalar reduced, x;
    word number[4], above[4], less[4];
    if (field_is_zero(&sum->zz))
        return 0;
    read_256(number, e);
    scalar_from_number(&reduced, number);
    scalar_sub(&x, r, &reduced);
    if (has_x(sum, x.w))
        return 1;
    return !add_256(above, x.w, scalar_n) && sub_256(less, above, field_p) && has_x(sum, above);
}

int sm2_verify_by_table(const comb *table, const uint8_t e[32], const uint8_t signature[64])
{
    scalar r, s, t;
    if (!signature_read(&r, &s, &t, signature))
        return 0;
    running sum = {0};
    comb_add_public(&sum, &comb_generator, &s);
    comb_add_public(&sum, table, &t);
    return commits_to(&sum, &r, e);
}

static int verify_by_point(const affine *p, const uint8_t e[32], const uint8_t signature[64])
{
    scalar r, s, t;
    if (!signature_read(&r, &s, &t, signature))
        return 0;
    point multiple = point_infinity;
    running sum;
    point_add_multiple_public(&multiple, p, t.w);
    running_from_point(&sum, &multiple);
    comb_add_public(&sum, &comb_generator, &s);
    return commits_to(&sum, &r, e);
}

int sm2_verify(const uint8_t public[64], const uint8_t e[32], const uint8_t signature[64])
{
    affine p;
    cached *known = cache_find(public);
    if (known != NULL) {
        int valid = sm2_verify_by_table(&known->table, e, signature);
        cache_release(known);
        return valid;
    }
    if (!affine_read(&p, public))
        return 0;
    cache_note(public, &p);
    return verify_by_point(&p, e, signature);
}
