#define _GNU_SOURCE
#include "cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t public[64];
    uint64_t used_at; /* by the cache's own tick; 0 is an empty slot */
    uint64_t uses;
    cached *entry;
} slot;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static slot slots[CACHE_SLOTS];
static uint64_t tick;

/* The slot of a key, or NULL.  The lock is held, here and in all that follow. */
static slot *slot_of(const uint8_t public[64])
{
    for (int i = 0; i < CACHE_SLOTS; i++)
        if (slots[i].used_at != 0 && memcmp(slots[i].public, public, 64) == 0)
            return &slots[i];
    return NULL;
}

static void drop_lease(cached *entry)
{
    if (entry != NULL && --entry->leases == 0)
        free(entry);
}

/* The slot unused for longest, emptied and given to a new key. */
static slot *slot_for_new(const uint8_t public[64])
{
    slot *oldest = &slots[0];
    for (int i = 1; i < CACHE_SLOTS; i++)
        if (slots[i].used_at < oldest->used_at)
            oldest = &slots[i];
    drop_lease(oldest->entry);
    *oldest = (slot){0};
    memcpy(oldest->public, public, 64);
    return oldest;
}

cached *cache_find(const uint8_t public[64])
{
    cached *found = NULL;
    pthread_mutex_lock(&lock);
    slot *at = slot_of(public);
    if (at != NULL && at->entry != NULL) {
        at->used_at = ++tick;
        found = at->entry;
        found->leases++;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void cache_release(cached *lease)
{
    pthread_mutex_lock(&lock);
    drop_lease(lease);
    pthread_mutex_unlock(&lock);
}

/* Build outside the lock, then hand over unless the slot was given away meanwhile. */
static void build(const uint8_t public[64], const affine *p)
{
    cached *entry = malloc(sizeof *entry);
    if (entry == NULL)
        return;
    entry->leases = 1;
    if (comb_fill(&entry->table, p) != 0) {
        free(entry);
        return;
    }
    pthread_mutex_lock(&lock);
    slot *at = slot_of(public);
    if (at != NULL && at->entry == NULL)
        at->entry = entry;
    else
        free(entry);
    pthread_mutex_unlock(&lock);
}

void cache_note(const uint8_t public[64], const affine *p)
{
    pthread_mutex_lock(&lock);
    slot *at = slot_of(public);
    if (at == NULL)
        at = slot_for_new(public);
    at->used_at = ++tick;
    int earned = ++at->uses == CACHE_THRESHOLD;
    pthread_mutex_unlock(&lock);
    if (earned)
        build(public, p);
}
