#include "sm3.h"

#include <string.h>

static inline uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

static inline uint32_t p0(uint32_t x)
{
    return x ^ rotate(x, 9) ^ rotate(x, 17);
}

static inline uint32_t p1(uint32_t x)
{
    return x ^ rotate(x, 15) ^ rotate(x, 23);
}

#define PARITY(x, y, z) ((x) ^ (y) ^ (z))
#define MAJORITY(x, y, z) (((x) & (y)) | (((x) | (y)) & (z)))
#define CHOICE(x, y, z) ((((y) ^ (z)) & (x)) ^ (z))

/* One round of the compression function; the caller renames the words instead of moving them.
 * GB/T 32905 5.3.3. */
#define ROUND(a, b, c, d, e, f, g, h, t, j, FF, GG)                                                   \
    do {                                                                                              \
        uint32_t a12 = rotate(a, 12), ss1 = rotate(a12 + e + (t), 7);                                 \
        d += FF(a, b, c) + (ss1 ^ a12) + (w[j] ^ w[(j) + 4]);                                         \
        h = p0(GG(e, f, g) + h + ss1 + w[j]);                                                         \
        b = rotate(b, 9);                                                                             \
        f = rotate(f, 19);                                                                            \
    } while (0)

#define FOUR_ROUNDS(j, FF, GG)                                                                        \
    do {                                                                                              \
        ROUND(a, b, c, d, e, f, g, h, t, j, FF, GG);                                                  \
        t = rotate(t, 1);                                                                             \
        ROUND(d, a, b, c, h, e, f, g, t, (j) + 1, FF, GG);                                            \
        t = rotate(t, 1);                                                                             \
        ROUND(c, d, a, b, g, h, e, f, t, (j) + 2, FF, GG);                                            \
        t = rotate(t, 1);                                                                             \
        ROUND(b, c, d, a, f, g, h, e, t, (j) + 3, FF, GG);                                            \
        t = rotate(t, 1);                                                                             \
    } while (0)

static void expand(uint32_t w[68], const uint8_t block[SM3_BLOCK])
{
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 68; i++)
        w[i] = p1(w[i - 16] ^ w[i - 9] ^ rotate(w[i - 3], 15)) ^ rotate(w[i - 13], 7) ^ w[i - 6];
}

static void compress(uint32_t state[8], const uint8_t block[SM3_BLOCK])
{
    uint32_t w[68];
    expand(w, block);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    uint32_t t = 0x79CC4519;
    for (int j = 0; j < 16; j += 4)
        FOUR_ROUNDS(j, PARITY, PARITY);
    t = rotate(0x7A879D8A, 16);
    for (int j = 16; j < 64; j += 4)
        FOUR_ROUNDS(j, MAJORITY, CHOICE);
    state[0] ^= a;
    state[1] ^= b;
    state[2] ^= c;
    state[3] ^= d;
    state[4] ^= e;
    state[5] ^= f;
    state[6] ^= g;
    state[7] ^= h;
}

void sm3_start(sm3 *hash)
{
    *hash = (sm3){.state = {0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA,
                            0xE38DEE4D, 0xB0FB0E4E}};
}

void sm3_add(sm3 *hash, const void *data, size_t size)
{
    const uint8_t *next = data;
    size_t held = hash->length % SM3_BLOCK;
    hash->length += size;
    if (held > 0 && held + size >= SM3_BLOCK) {
        size_t missing = SM3_BLOCK - held;
        memcpy(hash->block + held, next, missing);
        compress(hash->state, hash->block);
        next += missing;
        size -= missing;
        held = 0;
    }
    for (; held == 0 && size >= SM3_BLOCK; next += SM3_BLOCK, size -= SM3_BLOCK)
        compress(hash->state, next);
    if (size > 0)
        memcpy(hash->block + held, next, size);
}

void sm3_finish(sm3 *hash, uint8_t digest[SM3_OCTETS])
{
    static const uint8_t padding[SM3_BLOCK] = {0x80};
    uint64_t bits = hash->length * 8;
    uint8_t tail[8];
    for (int i = 0; i < 8; i++)
        tail[i] = (uint8_t)(bits >> (56 - 8 * i));
    sm3_add(hash, padding, 1 + (SM3_BLOCK + 55 - hash->length % SM3_BLOCK) % SM3_BLOCK);
    sm3_add(hash, tail, sizeof tail);
    for (int i = 0; i < SM3_OCTETS; i++)
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}
