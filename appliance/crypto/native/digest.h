/* The digests that SM2 signs.  GB/T 32918.2 5.5 and 6.1. */
#ifndef SHIYIN_DIGEST_H
#define SHIYIN_DIGEST_H

#include "sm3.h"

#define ID_OCTETS_MAX 8191 /* ENTL counts bits in two octets */

/* Z = SM3(ENTL || ID || a || b || G || public).  GB/T 32918.2 5.5.  id_size <= ID_OCTETS_MAX. */
void sm2_identity(uint8_t z[SM3_OCTETS], const uint8_t public[64], const void *id, size_t id_size);

/* e = SM3(Z || message). */
void sm2_digest(uint8_t e[SM3_OCTETS], const uint8_t z[SM3_OCTETS], const void *message, size_t size);

#endif
