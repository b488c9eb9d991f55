/* Points of the curve y^2 = x^3 - 3x + b over GF(p).  GB/T 32918.5 clause 2. */
#ifndef SHIYIN_POINT_H
#define SHIYIN_POINT_H

#include <stddef.h>

#include "field.h"

/* A point other than infinity; an array of them is scanned as 16-octet lanes. */
typedef struct {
    field x, y;
} affine;

/* (X / Z^2, Y / Z^3), for doubling; infinity has Z = 0. */
typedef struct {
    field x, y, z;
} point;

/* (X / ZZ, Y / ZZZ) with ZZ^3 = ZZZ^2, for adding affine points; infinity has ZZ = 0. */
typedef struct {
    field x, y, zz, zzz;
} running;

extern const affine point_generator;
extern const point point_infinity;

/* Take X||Y; returns 1 when both are below p and the point is on the curve, else 0.  The point is public. */
int affine_read(affine *out, const uint8_t octets[64]);
void affine_write(uint8_t octets[64], const affine *a);

/* Tell whether the coordinates satisfy the curve's equation. */
int affine_on_curve(const affine *a);

/* Constant time --------------------------------------------------------------------------------- */

void point_double(point *out, const point *a);

/* Continue from a point, or from an affine one. */
void running_from_point(running *out, const point *a);
void running_from_affine(running *out, const affine *a);

/* acc += q, for an acc that is neither infinity nor q nor -q: this formula does not give those sums. */
void running_add(running *acc, const affine *q);

/* Bring n points, none of them infinity, to affine form with one inversion; products has n elements of
 * scratch, as secret as the points are. */
void running_normalise(affine *out, const running *in, field *products, size_t n);

/* Variable time, for public points -------------------------------------------------------------- */

/* acc += q, for any two points; running_add_public takes q with y negated when `negative` is 1. */
void running_add_public(running *acc, const affine *q, int negative);
void point_add_affine_public(point *acc, const affine *q);
void point_add_public(point *acc, const point *q);

/* acc += k * q for a public k below n. */
void point_add_multiple_public(point *acc, const affine *q, const word k[4]);

#endif
