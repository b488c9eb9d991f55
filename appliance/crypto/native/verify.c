#include "verify.h"

#include "cache.h"

/* a || b || G.  GB/T 32918.5 clause 2. */
static const uint8_t PARAMETERS[128] = {
    0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC,
    0x28, 0xE9, 0xFA, 0x9E, 0x9D, 0x9F, 0x5E, 0x34, 0x4D, 0x5A, 0x9E, 0x4B, 0xCF, 0x65, 0x09, 0xA7,
    0xF3, 0x97, 0x89, 0xF5, 0x15, 0xAB, 0x8F, 0x92, 0xDD, 0xBC, 0xBD, 0x41, 0x4D, 0x94, 0x0E, 0x93,
    0x32, 0xC4, 0xAE, 0x2C, 0x1F, 0x19, 0x81, 0x19, 0x5F, 0x99, 0x04, 0x46, 0x6A, 0x39, 0xC9, 0x94,
    0x8F, 0xE3, 0x0B, 0xBF, 0xF2, 0x66, 0x0B, 0xE1, 0x71, 0x5A, 0x45, 0x89, 0x33, 0x4C, 0x74, 0xC7,
    0xBC, 0x37, 0x36, 0xA2, 0xF4, 0xF6, 0x77, 0x9C, 0x59, 0xBD, 0xCE, 0xE3, 0x6B, 0x69, 0x21, 0x53,
    0xD0, 0xA9, 0x87, 0x7C, 0xC6, 0x2A, 0x47, 0x40, 0x02, 0xDF, 0x32, 0xE5, 0x21, 0x39, 0xF0, 0xA0,
};

void sm2_identity(uint8_t z[SM3_OCTETS], const uint8_t public[64], const void *id, size_t id_size)
{
    sm3 hash;
    size_t bits = id_size * 8;
    const uint8_t entl[2] = {(uint8_t)(bits >> 8), (uint8_t)bits};
    sm3_start(&hash);
    sm3_add(&hash, entl, sizeof entl);
    sm3_add(&hash, id, id_size);
    sm3_add(&hash, PARAMETERS, sizeof PARAMETERS);
    sm3_add(&hash, public, 64);
    sm3_finish(&hash, z);
}

void sm2_digest(uint8_t e[SM3_OCTETS], const uint8_t z[SM3_OCTETS], const void *message, size_t size)
{
    sm3 hash;
    sm3_start(&hash);
    sm3_add(&hash, z, SM3_OCTETS);
    sm3_add(&hash, message, size);
    sm3_finish(&hash, e);
}

int signature_read(scalar *r, scalar *s, scalar *t, const uint8_t signature[64])
{
    if (!scalar_read(r, signature) || !scalar_read(s, signature + 32))
        return 0;
    scalar_add(t, r, s);
    return !scalar_is_zero(r) && !scalar_is_zero(s) && !scalar_is_zero(t);
}

/* Tell whether x == X / Z^2 for a plain x below p, without dividing. */
static int has_x(const point *sum, const word x[4])
{
    field expected, zz;
    field_from_plain(&expected, x);
    field_sqr(&zz, &sum->z);
    field_mul(&expected, &expected, &zz);
    return field_equal(&expected, &sum->x) & 1;
}

/* Tell whether (e + x1) mod n == r for x1 the abscissa of `sum`.  x1 is below p and p < 2n, so it is
 * (r - e) mod n or that plus n. */
static int commits_to(const point *sum, const scalar *r, const uint8_t e[32])
{
    scalar reduced, x;
    word number[4], above[4], less[4];
    if (field_is_zero(&sum->z))
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
    point sum = point_infinity;
    comb_add_public(&sum, &comb_generator, &s);
    comb_add_public(&sum, table, &t);
    return commits_to(&sum, &r, e);
}

static int verify_by_point(const affine *p, const uint8_t e[32], const uint8_t signature[64])
{
    scalar r, s, t;
    if (!signature_read(&r, &s, &t, signature))
        return 0;
    point sum = point_infinity;
    point_add_multiple_public(&sum, p, t.w);
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
