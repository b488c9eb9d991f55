/* SM2 signatures, a group at a time, each verified before it is released.  GB/T 32918.2 clause 6. */
#ifndef SHIYIN_SIGN_H
#define SHIYIN_SIGN_H

#include "key.h"

#define GROUP_MAX 64

/* Sign n digests e (32 octets each) into r||s (64 octets each), 1 <= n <= GROUP_MAX, with hedged nonces and
 * one inversion, and verify the octets written.  Unless SM2_OK is returned the output is zeroed. */
sm2_status sm2_sign(sm2_key *key, size_t n, const uint8_t digests[][32], uint8_t signatures[][64]);

/* The steps of sm2_sign, apart so that tests can stand between them ------------------------------ */

/* Nonces k: SM3-based derivation over d, fresh randomness of the group, the key's counter and e, so that
 * neither a dead generator nor a cloned machine repeats one.  Returns SM2_OK or SM2_NO_ENTROPY. */
sm2_status sm2_nonces(sm2_key *key, size_t n, const uint8_t digests[][32], scalar nonces[]);

/* r||s and the points R = k * G from given nonces.  Returns 0 when one of the nonces gave r = 0, r + k = n
 * or s = 0 and all must be drawn anew, else 1. */
int sm2_make(const sm2_key *key, size_t n, const uint8_t digests[][32], const scalar nonces[],
             uint8_t signatures[][64], affine commitments[]);

/* Tell whether all n signatures, as they stand in memory, verify under the key's public half. */
sm2_status sm2_check(const sm2_key *key, size_t n, const uint8_t digests[][32],
                     const uint8_t signatures[][64], const affine commitments[]);

#endif
