/* Slots of locked memory for many small secrets: a page of its own for each would be slow and soon beyond what
 * RLIMIT_MEMLOCK allows.  Any thread may call. */
#ifndef SHIYIN_VAULT_H
#define SHIYIN_VAULT_H

#include "scalar.h"

/* A zeroed slot, kept out of core dumps and empty in a forked child; *locked tells whether it cannot be
 * swapped out.  NULL when there is no memory. */
scalar *vault_take(int *locked);

/* Zero a slot and let others have it. */
void vault_return(scalar *slot);

#endif
