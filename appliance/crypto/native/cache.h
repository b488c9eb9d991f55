/* Tables of the public keys that return often: the 64 used last, 88 KB each.  Any thread may call. */
#ifndef SHIYIN_CACHE_H
#define SHIYIN_CACHE_H

#include "comb.h"

#define CACHE_SLOTS 64

/* A key gets its table at this many verifications: building it costs what a dozen of them save. */
#define CACHE_THRESHOLD 16

typedef struct {
    comb table;
    int leases; /* of callers and of the cache itself; under the cache's lock */
} cached;

/* The table of X||Y, to be returned by cache_release; NULL while it has none. */
cached *cache_find(const uint8_t public[64]);
void cache_release(cached *lease);

/* Count one verification under X||Y, the point p; builds the table when the key has earned it. */
void cache_note(const uint8_t public[64], const affine *p);

#endif
