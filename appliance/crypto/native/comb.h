/* Tables of multiples of one point, and multiplication by them.
 *
 * A number below 2^256 is 43 signed digits of six bits, -32 .. 32; row j of a table holds
 * 1 .. 32 times 2^(6j) * P.  A product is then 43 additions and no doubling.
 */
#ifndef SHIYIN_COMB_H
#define SHIYIN_COMB_H

#include "point.h"
#include "scalar.h"

#define COMB_ROWS 43
#define COMB_COLUMNS 32

typedef struct {
    affine row[COMB_ROWS][COMB_COLUMNS];
} comb;

/* The table of the base point G, filled by comb_initialise. */
extern comb comb_generator;

/* Fill the table of G, once for the process; returns 0, or -1 when there is no memory. */
int comb_initialise(void);

/* Fill the table of a public point, in about 0.7 ms; returns 0, or -1 when there is no memory. */
int comb_fill(comb *table, const affine *p);

/* out = k * G in constant time: every entry of every row is read whatever k is.  1 <= k < n. */
void comb_multiply(point *out, const scalar *k);

/* acc += k * P in variable time, for public k below n and the P of the table. */
void comb_add_public(point *acc, const comb *table, const scalar *k);

/* One signed digit of a window of `width` bits: the number is sum (+-size_i) * 2^(width * i).  `bits` holds
 * the window and, below it, the highest bit of the window before.  *negative is 0 or 1.  Constant time. */
static inline word signed_digit(word bits, int width, word *negative)
{
    bits &= ((word)2 << width) - 1;
    word half = (bits + 1) >> 1;
    *negative = bits >> width;
    return choose(mask_of(*negative), ((word)1 << width) - half, half);
}

#endif
