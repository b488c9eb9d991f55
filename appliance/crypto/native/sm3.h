/* The SM3 hash.  GB/T 32905. */
#ifndef SHIYIN_SM3_H
#define SHIYIN_SM3_H

#include <stddef.h>
#include <stdint.h>

#define SM3_OCTETS 32
#define SM3_BLOCK 64

typedef struct {
    uint32_t state[8];
    uint64_t length; /* octets taken so far */
    uint8_t block[SM3_BLOCK];
} sm3;

void sm3_start(sm3 *hash);
void sm3_add(sm3 *hash, const void *data, size_t size);

/* Write the digest; the context is then spent. */
void sm3_finish(sm3 *hash, uint8_t digest[SM3_OCTETS]);

#endif
