/* Random inputs of every length for the public face of the SM2 core, built with AddressSanitizer and
 * UndefinedBehaviorSanitizer.  Every buffer has pages or redzones of its own, so that one octet read or
 * written past an end stops the program.  Call: sanitised SEED ROUNDS; the last line it prints is "sound". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "cache.h"
#include "digest.h"
#include "sign.h"
#include "verify.h"

#define LENGTHS 300
#define KEYS (CACHE_SLOTS + 8) /* more than tables are kept for */

static uint64_t state;

/* xorshift64*: the same inputs for the same seed. */
static uint64_t draw(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1DULL;
}

/* Octets in a block of exactly their size: random, or all zeros, or all ones, as numbers near their ends. */
static uint8_t *octets(size_t size)
{
    uint8_t *made = malloc(size);
    unsigned kind = (unsigned)(draw() % 8);
    for (size_t i = 0; i < size; i++)
        made[i] = kind == 0 ? 0 : kind == 1 ? 0xFF : (uint8_t)(draw() >> 32);
    if (kind < 2 && size > 0)
        made[draw() % size] ^= (uint8_t)draw();
    return made;
}

static void require(int holds, const char *what)
{
    if (!holds) {
        printf("not so: %s\n", what);
        exit(1);
    }
}

/* One digest however the message is cut. */
static void hash_lengths(void)
{
    for (size_t size = 0; size <= LENGTHS; size++) {
        uint8_t *data = octets(size), whole[SM3_OCTETS], parts[SM3_OCTETS];
        size_t cut = size == 0 ? 0 : draw() % (size + 1);
        sm3 hash;
        sm3_start(&hash);
        sm3_add(&hash, data, size);
        sm3_finish(&hash, whole);
        sm3_start(&hash);
        sm3_add(&hash, data, cut);
        sm3_add(&hash, data + cut, size - cut);
        sm3_finish(&hash, parts);
        require(memcmp(whole, parts, SM3_OCTETS) == 0, "a digest does not hang on how octets come");
        free(data);
    }
}

static void digest_messages(void)
{
    for (int i = 0; i < 64; i++) {
        size_t id_size = i == 0 ? ID_OCTETS_MAX : draw() % LENGTHS, size = draw() % 5000;
        uint8_t *public = octets(64), *id = octets(id_size), *message = octets(size);
        uint8_t z[SM3_OCTETS], e[SM3_OCTETS];
        sm2_identity(z, public, id, id_size);
        sm2_digest(e, z, message, size);
        free(public), free(id), free(message);
    }
}

/* Random octets verify under no key; now and then often enough for a table. */
static void verify_random(void)
{
    uint8_t *public = octets(64);
    affine p;
    int is_point = affine_read(&p, public);
    for (int i = 0; i < 4; i++) {
        uint8_t *e = octets(32), *signature = octets(64);
        require(!sm2_verify(public, e, signature), "random octets are no signature");
        free(e), free(signature);
    }
    require(!is_point || affine_on_curve(&p), "what is read is on the curve");
    free(public);
}

static void load_random(void)
{
    uint8_t *d = octets(32), *back = octets(32);
    sm2_key *key = NULL;
    sm2_status status = sm2_key_load(&key, d);
    require(status == SM2_OK || (status == SM2_OUT_OF_RANGE && key == NULL), "a key loads or is refused");
    if (status == SM2_OK) {
        sm2_key_export(key, back);
        require(memcmp(d, back, 32) == 0, "what is loaded is exported");
    }
    sm2_key_free(key);
    free(d), free(back);
}

/* Sign a group, verify each alone, and change one octet. */
static void sign_and_verify(sm2_key *key, size_t n)
{
    uint8_t(*e)[32] = (uint8_t(*)[32])octets(32 * n), (*signature)[64] = (uint8_t(*)[64])octets(64 * n);
    require(sm2_sign(key, n, (const uint8_t(*)[32])e, signature) == SM2_OK, "a group is signed");
    for (size_t i = 0; i < n; i++)
        require(sm2_verify(key->public, e[i], signature[i]), "what is signed verifies");
    size_t changed = draw() % n;
    signature[changed][draw() % 64] ^= (uint8_t)(1 + draw() % 255);
    require(!sm2_verify(key->public, e[changed], signature[changed]), "what is changed does not verify");
    require(!sm2_verify_by_table(&key->table, e[changed], signature[changed]), "nor by table");
    free(e), free(signature);
}

/* Points and signatures that nobody made. */
static void verify_random_batch(const sm2_key *key, size_t n)
{
    uint8_t(*e)[32] = (uint8_t(*)[32])octets(32 * n), (*signature)[64] = (uint8_t(*)[64])octets(64 * n);
    affine *commitments = malloc(n * sizeof *commitments);
    for (size_t i = 0; i < n; i++) {
        uint8_t *point = octets(64);
        if (!affine_read(&commitments[i], point))
            commitments[i] = point_generator;
        free(point);
    }
    require(sm2_verify_batch(&key->table, n, (const uint8_t(*)[32])e, (const uint8_t(*)[64])signature,
                             commitments) == 0,
            "a random batch does not verify");
    free(e), free(signature), free(commitments);
}

int main(int count, char **arguments)
{
    require(count == 3, "called with SEED ROUNDS");
    state = strtoull(arguments[1], NULL, 10) | 1;
    require(comb_initialise() == 0, "there is memory");
    hash_lengths();
    digest_messages();
    for (int i = atoi(arguments[2]); i > 0; i--) {
        verify_random();
        load_random();
    }
    for (int i = 0; i < KEYS; i++) {
        sm2_key *key;
        require(sm2_key_generate(&key) == SM2_OK, "a key is made");
        sign_and_verify(key, i % 16 == 0 ? GROUP_MAX : 1 + draw() % 8);
        sign_and_verify(key, i % 4 == 0 ? 1 : CACHE_THRESHOLD + 1);
        verify_random_batch(key, 1 + draw() % BATCH_MAX);
        sm2_key_close(key);
        sm2_key_free(key);
    }
    puts("sound");
    return 0;
}
