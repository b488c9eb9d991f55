/* 64-bit words and 256-bit numbers: four words, least significant first.
 *
 * Nothing here branches or indexes on the value of its operands.  On x86-64 the carries go through
 * _addcarry_u64, which every x86-64 processor has; elsewhere, or with -DSHIYIN_PORTABLE, through
 * unsigned __int128.  SHIYIN_ADX says that a file is compiled once more by adx.c.
 */
#ifndef SHIYIN_WORD_H
#define SHIYIN_WORD_H

#include <stdint.h>

#ifdef SHIYIN_ADX
#include "adx_names.h"
#endif

#if defined(__x86_64__) && !defined(SHIYIN_PORTABLE)
#define SHIYIN_INTRINSICS
#include <immintrin.h>
#endif

typedef unsigned long long word; /* the type _addcarry_u64 asks for */
__extension__ typedef unsigned __int128 dword;

/* Hide a value from the optimiser, so that arithmetic on a mask stays arithmetic. */
static inline word opaque(word value)
{
    __asm__("" : "+r"(value));
    return value;
}

/* All ones when bit is 1, zero when it is 0. */
static inline word mask_of(word bit)
{
    return opaque(0 - bit);
}

/* All ones when value is zero. */
static inline word mask_if_zero(word value)
{
    return mask_of(1 ^ ((value | (0 - value)) >> 63));
}

/* `yes` where the mask is all ones, `no` where it is zero. */
static inline word choose(word mask, word yes, word no)
{
    return no ^ (mask & (yes ^ no));
}

#ifdef SHIYIN_INTRINSICS

typedef unsigned char carry;

static inline carry add_carry(carry in, word a, word b, word *sum)
{
    return _addcarry_u64(in, a, b, sum);
}

static inline carry sub_borrow(carry in, word a, word b, word *difference)
{
    return _subborrow_u64(in, a, b, difference);
}

#else

typedef word carry;

static inline carry add_carry(carry in, word a, word b, word *sum)
{
    dword wide = (dword)a + b + in;
    *sum = (word)wide;
    return (carry)(wide >> 64);
}

static inline carry sub_borrow(carry in, word a, word b, word *difference)
{
    dword wide = (dword)a - b - in;
    *difference = (word)wide;
    return (carry)(wide >> 64) & 1;
}

#endif

/* out = yes where the mask is all ones, no where it is zero. */
static inline void choose_256(word out[4], word mask, const word yes[4], const word no[4])
{
#ifdef SHIYIN_INTRINSICS
    word o0 = no[0], o1 = no[1], o2 = no[2], o3 = no[3]; /* cmov takes as long either way */
    __asm__("test %[mask], %[mask]\n\t"
            "cmovnz %[y0], %[o0]\n\t"
            "cmovnz %[y1], %[o1]\n\t"
            "cmovnz %[y2], %[o2]\n\t"
            "cmovnz %[y3], %[o3]"
            : [o0] "+r"(o0), [o1] "+r"(o1), [o2] "+r"(o2), [o3] "+r"(o3)
            : [mask] "r"(mask), [y0] "rm"(yes[0]), [y1] "rm"(yes[1]), [y2] "rm"(yes[2]), [y3] "rm"(yes[3])
            : "cc");
    out[0] = o0, out[1] = o1, out[2] = o2, out[3] = o3;
#else
    for (int i = 0; i < 4; i++)
        out[i] = choose(mask, yes[i], no[i]);
#endif
}

/* sum = a + b; returns the carry.  The operands may be the same array. */
static inline carry add_256(word sum[4], const word a[4], const word b[4])
{
    carry c = add_carry(0, a[0], b[0], &sum[0]);
    c = add_carry(c, a[1], b[1], &sum[1]);
    c = add_carry(c, a[2], b[2], &sum[2]);
    return add_carry(c, a[3], b[3], &sum[3]);
}

/* difference = a - b; returns the borrow. */
static inline carry sub_256(word difference[4], const word a[4], const word b[4])
{
    carry c = sub_borrow(0, a[0], b[0], &difference[0]);
    c = sub_borrow(c, a[1], b[1], &difference[1]);
    c = sub_borrow(c, a[2], b[2], &difference[2]);
    return sub_borrow(c, a[3], b[3], &difference[3]);
}

/* out = value - modulus when (top, value) >= modulus, else value; top is the fifth word, 0 or 1. */
static inline void subtract_once(word out[4], word top, const word value[4], const word modulus[4])
{
    word less[4];
    word borrow = sub_256(less, value, modulus);
    choose_256(out, mask_of(borrow & (top ^ 1)), value, less);
}

/* t[0..4] = t[0..3] + a * b; t[4] is written, not read. */
static inline void multiply_add_row(word t[5], const word a[4], word b)
{
#ifdef SHIYIN_INTRINSICS
    dword p0 = (dword)a[0] * b, p1 = (dword)a[1] * b, p2 = (dword)a[2] * b, p3 = (dword)a[3] * b;
    carry c = add_carry(0, t[0], (word)p0, &t[0]);
    c = add_carry(c, t[1], (word)p1, &t[1]);
    c = add_carry(c, t[2], (word)p2, &t[2]);
    c = add_carry(c, t[3], (word)p3, &t[3]);
    t[4] = c;
    c = add_carry(0, t[1], (word)(p0 >> 64), &t[1]);
    c = add_carry(c, t[2], (word)(p1 >> 64), &t[2]);
    c = add_carry(c, t[3], (word)(p2 >> 64), &t[3]);
    add_carry(c, t[4], (word)(p3 >> 64), &t[4]);
#else
    dword wide = 0;
    for (int i = 0; i < 4; i++) {
        wide += (dword)a[i] * b + t[i];
        t[i] = (word)wide;
        wide >>= 64;
    }
    t[4] = (word)wide;
#endif
}

/* t = a * b, 512 bits. */
static inline void multiply_256(word t[8], const word a[4], const word b[4])
{
    t[0] = t[1] = t[2] = t[3] = 0;
    multiply_add_row(t, a, b[0]);
    multiply_add_row(t + 1, a, b[1]);
    multiply_add_row(t + 2, a, b[2]);
    multiply_add_row(t + 3, a, b[3]);
}

/* Read and write 32 octets, big-endian. */
static inline void read_256(word out[4], const uint8_t octets[32])
{
    for (int i = 0; i < 4; i++) {
        word value = 0;
        for (int j = 0; j < 8; j++)
            value = value << 8 | octets[8 * (3 - i) + j];
        out[i] = value;
    }
}

static inline void write_256(uint8_t octets[32], const word value[4])
{
    for (int i = 0; i < 32; i++)
        octets[i] = (uint8_t)(value[3 - i / 8] >> (56 - 8 * (i % 8)));
}

/* The bits at, at+1, ... of a 256-bit number as far as the word reaches; bits over 255 are 0.  The position
 * is public. */
static inline word bits_at(const word value[4], int at)
{
    word low = value[at / 64] >> (at % 64);
    int next = at / 64 + 1;
    return at % 64 != 0 && next < 4 ? low | value[next] << (64 - at % 64) : low;
}

#endif
