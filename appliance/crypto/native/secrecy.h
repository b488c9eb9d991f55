/* What is secret, what has become public, and how secrets end. */
#ifndef SHIYIN_SECRECY_H
#define SHIYIN_SECRECY_H

#include <stddef.h>

/* The constant-time gate builds with -DSHIYIN_CT: secrets become undefined memory, and memcheck reports
 * every branch and every address that depends on one.  PUBLIC marks a value that is published (r, s,
 * the point R, the public key) or a verdict that may be.  In the shipped build both are nothing. */
#ifdef SHIYIN_CT
#include <valgrind/memcheck.h>
#define SECRET(address, size) VALGRIND_MAKE_MEM_UNDEFINED(address, size)
#define PUBLIC(address, size) VALGRIND_MAKE_MEM_DEFINED(address, size)
#else
#define SECRET(address, size) ((void)(address))
#define PUBLIC(address, size) ((void)(address))
#endif

/* Zero memory in a way the optimiser keeps. */
void wipe(void *address, size_t size);

/* A step with a frame of its own, below its caller's: what it leaves there is reached by wipe_stack. */
#define STEP __attribute__((noinline))

/* Zero the stack below the caller, where the compiler may have spilled secrets of finished calls. */
void wipe_stack(void);

/* Pages of their own for `size` octets: zeroed, locked in RAM when the limit allows (*locked tells),
 * left out of core dumps, empty in a forked child.  NULL when there is no memory. */
void *secret_pages(size_t size, int *locked);

/* Zero and return what secret_pages gave. */
void release_pages(void *address, size_t size);

/* Fill with the kernel's randomness; returns 0, or -1 when getrandom fails. */
int draw_entropy(void *out, size_t size);

#endif
