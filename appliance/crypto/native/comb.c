#define _GNU_SOURCE
#include "comb.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define COMB_WIDTH 6

/* A table entry as the scan sees it: four registers of any 128-bit machine.  The vector extensions of
 * the compiler become SSE2 or NEON, and a comparison of lanes cannot become a branch. */
typedef word lane __attribute__((vector_size(16), may_alias));
typedef int32_t count __attribute__((vector_size(16)));

comb comb_generator __attribute__((aligned(64)));

int comb_fill(comb *table, const affine *p)
{
    enum { ENTRIES = COMB_ROWS * COMB_COLUMNS };
    point *multiples = malloc(ENTRIES * sizeof *multiples);
    field *products = malloc(ENTRIES * sizeof *products);
    if (multiples != NULL && products != NULL) {
        point base = {p->x, p->y, field_one};
        for (int j = 0; j < COMB_ROWS; j++) {
            point *row = multiples + j * COMB_COLUMNS;
            row[0] = base;
            for (int i = 1; i < COMB_COLUMNS; i++) {
                row[i] = row[i - 1];
                point_add_public(&row[i], &base);
            }
            point_double(&base, &row[COMB_COLUMNS - 1]);
        }
        point_normalise(&table->row[0][0], multiples, products, ENTRIES);
    }
    int result = multiples != NULL && products != NULL ? 0 : -1;
    free(multiples);
    free(products);
    return result;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int filled;

static void fill_generator(void)
{
    filled = comb_fill(&comb_generator, &point_generator);
}

int comb_initialise(void)
{
    pthread_once(&once, fill_generator);
    return filled;
}

/* out = row[size - 1], or zeros when size is 0, reading the whole row. */
static inline void scan(affine *out, const affine row[COMB_COLUMNS], word size)
{
    const int32_t want = (int32_t)size;
    const count wanted = {want, want, want, want}, one = {1, 1, 1, 1};
    count column = one;
    lane found[4] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
    const lane *entry = (const lane *)row;
    for (int i = 0; i < COMB_COLUMNS; i++, entry += 4, column += one) {
        lane mask = (lane)(column == wanted);
        for (int j = 0; j < 4; j++)
            found[j] |= entry[j] & mask;
    }
    memcpy(out, found, sizeof *out);
}

/* No two equal points are ever added.  Before row j the sum is a with |a| < 0.51 * 2^(6j), the entry is
 * b * 2^(6j) with b != 0: as integers they differ, and their difference is below n except in row 42, where
 * a + b * 2^252 = k.  A difference of n there means a = b * 2^252 - n, hence b = 16 and k = 2^257 - n,
 * which is not below n. */
void comb_multiply(point *out, const scalar *k)
{
    point sum = point_infinity;
    for (int j = 0; j < COMB_ROWS; j++) {
        affine entry;
        field minus;
        word negative;
        word size = signed_digit(bits_at(k->w, COMB_WIDTH * j - 1), COMB_WIDTH, &negative);
        scan(&entry, comb_generator.row[j], size);
        field_sub(&minus, &(field){{0}}, &entry.y);
        field_choose(&entry.y, mask_of(negative), &minus, &entry.y);
        point_add_affine(&sum, &entry, mask_if_zero(size));
    }
    *out = sum;
}

void comb_add_public(point *acc, const comb *table, const scalar *k)
{
    for (int j = 0; j < COMB_ROWS; j++) {
        word negative;
        word size = signed_digit(bits_at(k->w, COMB_WIDTH * j - 1), COMB_WIDTH, &negative);
        if (size != 0)
            point_add_affine_public(acc, &table->row[j][size - 1], (int)negative);
    }
}
