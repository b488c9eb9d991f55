/* Signs and verifies with the arithmetic chosen for this processor, and prints its path. */
#include <stdio.h>

#include "arithmetic.h"

int main(void)
{
    static uint8_t digests[1][32], signatures[1][64];
    sm2_key *key;
    if (fastest()->initialise() != 0 || fastest()->generate(&key) != SM2_OK)
        return 1;
    if (fastest()->sign(key, 1, digests, signatures) != SM2_OK)
        return 1;
    printf("%s %d\n", fastest()->path, fastest()->verify(key->public, digests[0], signatures[0]));
    sm2_key_free(key);
    return 0;
}
