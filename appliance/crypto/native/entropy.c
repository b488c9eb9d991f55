#include "secrecy.h"

#include <errno.h>
#include <sys/random.h>

int draw_entropy(void *out, size_t size)
{
    unsigned char *next = out;
    for (size_t left = size; left > 0;) {
        ssize_t got = getrandom(next, left, 0);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0) {
            next += got;
            left -= (size_t)got;
        }
    }
    SECRET(out, size);
    return 0;
}
