#define _GNU_SOURCE
#include "secrecy.h"

#include <string.h>
#include <sys/mman.h>

void wipe(void *address, size_t size)
{
    explicit_bzero(address, size);
}

__attribute__((noinline)) void wipe_stack(void)
{
    unsigned char below[16384]; /* deeper than any call of sm2_sign or sm2_key_load reaches */
    explicit_bzero(below, sizeof below);
}

void *secret_pages(size_t size, int *locked)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    *locked = mlock(pages, size) == 0;
    madvise(pages, size, MADV_DONTDUMP);
    madvise(pages, size, MADV_WIPEONFORK);
    return pages;
}

void release_pages(void *address, size_t size)
{
    wipe(address, size);
    munmap(address, size);
}
