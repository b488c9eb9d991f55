#include "vault.h"

#include <pthread.h>
#include <stdlib.h>

#include "secrecy.h"

#define SLOTS 128
#define OCTETS (SLOTS * sizeof(scalar))

/* One page of slots; a set bit is a slot that somebody has.  Pages are kept for ever: as many sessions as
 * there once were there will be again. */
typedef struct page {
    struct page *next;
    scalar *slots;
    int locked;
    uint64_t taken[SLOTS / 64];
} page;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static page *pages;

static scalar *take_from(page *from)
{
    for (int i = 0; i < SLOTS / 64; i++)
        if (~from->taken[i]) {
            int bit = __builtin_ctzll(~from->taken[i]);
            from->taken[i] |= 1ULL << bit;
            return from->slots + 64 * i + bit;
        }
    return NULL;
}

static page *add_page(void)
{
    page *added = calloc(1, sizeof *added);
    if (added == NULL)
        return NULL;
    added->slots = secret_pages(OCTETS, &added->locked);
    if (added->slots == NULL) {
        free(added);
        return NULL;
    }
    added->next = pages;
    pages = added;
    return added;
}

scalar *vault_take(int *locked)
{
    scalar *slot = NULL;
    pthread_mutex_lock(&mutex);
    page *from = pages;
    while (from != NULL && (slot = take_from(from)) == NULL)
        from = from->next;
    if (slot == NULL && (from = add_page()) != NULL)
        slot = take_from(from);
    if (slot != NULL)
        *locked = from->locked;
    pthread_mutex_unlock(&mutex);
    return slot;
}

void vault_return(scalar *slot)
{
    wipe(slot, sizeof *slot);
    pthread_mutex_lock(&mutex);
    for (page *each = pages; each != NULL; each = each->next) {
        uintptr_t at = (uintptr_t)slot - (uintptr_t)each->slots;
        if (at < OCTETS) {
            size_t number = at / sizeof *slot;
            each->taken[number / 64] &= ~(1ULL << number % 64);
            break;
        }
    }
    pthread_mutex_unlock(&mutex);
}
