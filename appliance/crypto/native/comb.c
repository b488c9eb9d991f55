#define _GNU_SOURCE
#include "comb.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "secrecy.h"

#define COMB_WIDTH 7

/* A table entry as the scan sees it: registers of 128 bits on any machine, of 256 with AVX2.  The vector
 * extensions of the compiler become SSE2, AVX2 or NEON, and a comparison of lanes cannot become a branch. */
#ifdef SHIYIN_ADX
#define LANE_OCTETS 32
#else
#define LANE_OCTETS 16
#endif
#define LANES (sizeof(affine) / LANE_OCTETS)
typedef word lane __attribute__((vector_size(LANE_OCTETS), may_alias));
typedef int32_t count __attribute__((vector_size(LANE_OCTETS)));

comb comb_generator __attribute__((aligned(64)));

/* Row after row of a table, from 1 and 2 times the base of each row. */
static void add_up(running multiples[], const affine bases[])
{
    for (int j = 0; j < COMB_ROWS; j++, multiples += COMB_COLUMNS, bases += 2) {
        running_from_affine(&multiples[0], &bases[0]);
        for (int i = 1; i < COMB_COLUMNS; i++) {
            multiples[i] = multiples[i - 1];
            running_add_public(&multiples[i], &bases[1], 0);
        }
    }
}

int comb_fill(comb *table, const affine *p)
{
    enum { ENTRIES = COMB_ROWS * COMB_COLUMNS, BASES = 2 * COMB_ROWS };
    affine bases[BASES];
    running *multiples = malloc(ENTRIES * sizeof *multiples);
    field *products = malloc(ENTRIES * sizeof *products);
    int result = multiples != NULL && products != NULL ? 0 : -1;
    if (result == 0) {
        point power = {p->x, p->y, field_one};
        for (int i = 0; i < COMB_WIDTH * COMB_ROWS; i++) {
            if (i % COMB_WIDTH < 2)
                running_from_point(&multiples[i / COMB_WIDTH * 2 + i % COMB_WIDTH], &power);
            point_double(&power, &power);
        }
        running_normalise(bases, multiples, products, BASES);
        add_up(multiples, bases);
        running_normalise(&table->row[0][0], multiples, products, ENTRIES);
    }
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

/* The digit of row j of an odd number: its column, and all ones in *negative when it is below zero.  The
 * digit is u - 128 for the eight bits u of the number from 7j on, the lowest taken as 1: that adds to it what
 * the 128 of the row below took.  Nothing is taken in the last row. */
static inline word digit_of(const word k[4], int j, word *negative)
{
    word u = bits_at(k, COMB_WIDTH * j) & 0xFF;
    if (j == COMB_ROWS - 1)
        u += 128;
    *negative = mask_of((u >> 7 & 1) ^ 1);
    return (u >> 1 & 63) ^ (*negative & 63);
}

/* odd = k or n - k; returns all ones for n - k. */
static inline word make_odd(scalar *odd, const scalar *k)
{
    word even = mask_of((k->w[0] & 1) ^ 1);
    sub_256(odd->w, scalar_n, k->w);
    choose_256(odd->w, even, odd->w, k->w);
    return even;
}

/* out = row[column], reading the whole row; its y is negated where the mask is all ones. */
static inline void scan(affine *out, const affine row[COMB_COLUMNS], word column, word negative)
{
    const count wanted = (count){0} + (int32_t)column;
    count at = {0};
    lane found[LANES] = {{0}};
    const lane *entry = (const lane *)row;
    for (int i = 0; i < COMB_COLUMNS; i++, entry += LANES, at += 1) {
        lane mask = (lane)(at == wanted);
        for (size_t j = 0; j < LANES; j++)
            found[j] |= entry[j] & mask;
    }
    memcpy(out, found, sizeof *out);
    field minus;
    field_sub(&minus, &(field){{0}}, &out->y);
    field_choose(&out->y, negative, &minus, &out->y);
}

/* Row after row for all numbers, so that a row is read from the first cache.
 *
 * From the last row down no two equal points, or opposite ones, are added.  Before row j the sum is a
 * positive multiple a of 2^(7(j+1)), the entry is b * 2^(7j) with |b| < 128, and they add up to an odd
 * positive multiple of 2^(7j): as integers they are neither equal nor opposite.  Modulo n they could only
 * differ by n or add up to n, both below 2^257; as n is odd, j would be 0.  There a + b is k, below n, and
 * a - b = n would mean b = (k - n) / 2, while b = (k mod 256) - 128: then b is 93 modulo 256, hence
 * positive, and k above n. */
void comb_multiply(running out[], const comb *table, const scalar k[], size_t n)
{
    scalar odd[COMB_MULTIPLY_MAX];
    word even[COMB_MULTIPLY_MAX];
    for (size_t i = 0; i < n; i++)
        even[i] = make_odd(&odd[i], &k[i]);
    for (int j = COMB_ROWS - 1; j >= 0; j--)
        for (size_t i = 0; i < n; i++) {
            affine entry;
            word negative, column = digit_of(odd[i].w, j, &negative);
            scan(&entry, table->row[j], column, negative ^ even[i]);
            if (j == COMB_ROWS - 1)
                running_from_affine(&out[i], &entry);
            else
                running_add(&out[i], &entry);
        }
    wipe(odd, sizeof odd);
    wipe(even, sizeof even);
}

void comb_add_public(running *acc, const comb *table, const scalar *k)
{
    scalar odd;
    word even = make_odd(&odd, k);
    for (int j = COMB_ROWS - 1; j >= 0; j--) {
        word negative, column = digit_of(odd.w, j, &negative);
        running_add_public(acc, &table->row[j][column], (negative ^ even) != 0);
    }
}
