/* Products in GF(p) for processors with BMI2 and ADX; part of field.c.
 *
 * Compilers do not keep two chains of carries apart, hence the assembly.  mulx leaves the flags alone, adcx
 * adds through CF and adox through OF, so a row of a product adds its low and its high halves side by side:
 * 13.8 ns instead of 17.6 for a product in a chain of them, 10.8 instead of 17.1 where they overlap (Zen 4).
 *
 * The operands: t0 .. t7 hold the product, least significant first; x and y are scratch; `zero` is what it
 * says while products are made.  No instruction here takes longer for some values than for others.
 */

/* T0 .. T4 += a * b[at], of which T4 is only written. */
#define PRODUCT_ROW(at, T0, T1, T2, T3, T4)                                                           \
    "mov " #at "*8(%[b]), %%rdx\n\t"                                                                  \
    "xor %k[zero], %k[zero]\n\t" /* clears CF and OF as well */                                       \
    "mulx 0(%[a]), %[x], %[y]\n\t"                                                                    \
    "adcx %[x], %[" #T0 "]\n\t"                                                                       \
    "adox %[y], %[" #T1 "]\n\t"                                                                       \
    "mulx 8(%[a]), %[x], %[y]\n\t"                                                                    \
    "adcx %[x], %[" #T1 "]\n\t"                                                                       \
    "adox %[y], %[" #T2 "]\n\t"                                                                       \
    "mulx 16(%[a]), %[x], %[y]\n\t"                                                                   \
    "adcx %[x], %[" #T2 "]\n\t"                                                                       \
    "adox %[y], %[" #T3 "]\n\t"                                                                       \
    "mulx 24(%[a]), %[x], %[" #T4 "]\n\t"                                                             \
    "adcx %[x], %[" #T3 "]\n\t"                                                                       \
    "adox %[zero], %[" #T4 "]\n\t"                                                                    \
    "adcx %[zero], %[" #T4 "]\n\t"

/* LOW, HIGH += a[at]^2, after doubling both; the carries of doubling go through CF, of adding through OF. */
#define DOUBLE_AND_SQUARE(at, LOW, HIGH)                                                              \
    "mov " #at "*8(%[a]), %%rdx\n\t"                                                                  \
    "mulx %%rdx, %[x], %[y]\n\t"                                                                      \
    "adcx %[" #LOW "], %[" #LOW "]\n\t"                                                               \
    "adox %[x], %[" #LOW "]\n\t"                                                                      \
    "adcx %[" #HIGH "], %[" #HIGH "]\n\t"                                                             \
    "adox %[y], %[" #HIGH "]\n\t"

/* One Montgomery round, as reduce_round of field.c: (T0 .. T3) becomes (T1 .. T3, T0), that is
 * (T1, T2, T3, m) - (left, right, left, right) + m with m = T0, left = m << 32, right = m >> 32. */
#define REDUCE_ROUND(T0, T1, T2, T3)                                                                  \
    "mov %[" #T0 "], %%rdx\n\t"                                                                       \
    "mov %[" #T0 "], %[x]\n\t"                                                                        \
    "mov %[" #T0 "], %[y]\n\t"                                                                        \
    "shl $32, %[x]\n\t"                                                                               \
    "shr $32, %[y]\n\t"                                                                               \
    "sub %[x], %[" #T1 "]\n\t"                                                                        \
    "sbb %[y], %[" #T2 "]\n\t"                                                                        \
    "sbb %[x], %[" #T3 "]\n\t"                                                                        \
    "sbb %[y], %[" #T0 "]\n\t"                                                                        \
    "add %%rdx, %[" #T1 "]\n\t"                                                                       \
    "adc $0, %[" #T2 "]\n\t"                                                                          \
    "adc $0, %[" #T3 "]\n\t"                                                                          \
    "adc $0, %[" #T0 "]\n\t"

/* t0 .. t3 = (t0 .. t7) * 2^-256 mod p: four rounds, the upper half, and p once if that is not too much. */
#define REDUCE                                                                                        \
    REDUCE_ROUND(t0, t1, t2, t3)                                                                      \
    REDUCE_ROUND(t1, t2, t3, t0)                                                                      \
    REDUCE_ROUND(t2, t3, t0, t1)                                                                      \
    REDUCE_ROUND(t3, t0, t1, t2)                                                                      \
    "xor %k[zero], %k[zero]\n\t"                                                                      \
    "add %[t4], %[t0]\n\t"                                                                            \
    "adc %[t5], %[t1]\n\t"                                                                            \
    "adc %[t6], %[t2]\n\t"                                                                            \
    "adc %[t7], %[t3]\n\t"                                                                            \
    "adc $0, %[zero]\n\t" /* the fifth word of the sum */                                             \
    "mov %[t0], %[t4]\n\t"                                                                            \
    "mov %[t1], %[t5]\n\t"                                                                            \
    "mov %[t2], %[t6]\n\t"                                                                            \
    "mov %[t3], %[t7]\n\t"                                                                            \
    "mov $0xFFFFFFFF00000000, %[x]\n\t"                                                               \
    "mov $0xFFFFFFFEFFFFFFFF, %[y]\n\t"                                                               \
    "sub $-1, %[t0]\n\t"                                                                              \
    "sbb %[x], %[t1]\n\t"                                                                             \
    "sbb $-1, %[t2]\n\t"                                                                              \
    "sbb %[y], %[t3]\n\t"                                                                             \
    "sbb $0, %[zero]\n\t"                                                                             \
    "cmovc %[t4], %[t0]\n\t"                                                                          \
    "cmovc %[t5], %[t1]\n\t"                                                                          \
    "cmovc %[t6], %[t2]\n\t"                                                                          \
    "cmovc %[t7], %[t3]\n\t"

#define OUTPUTS                                                                                       \
    [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),   \
        [t6] "=&r"(t6), [t7] "=&r"(t7), [x] "=&r"(x), [y] "=&r"(y), [zero] "=&r"(zero)

void field_mul(field *out, const field *a, const field *b)
{
    word t0, t1, t2, t3, t4, t5, t6, t7, x, y, zero;
    __asm__("mov 0(%[b]), %%rdx\n\t"
            "mulx 0(%[a]), %[t0], %[t1]\n\t"
            "mulx 8(%[a]), %[x], %[t2]\n\t"
            "add %[x], %[t1]\n\t"
            "mulx 16(%[a]), %[x], %[t3]\n\t"
            "adc %[x], %[t2]\n\t"
            "mulx 24(%[a]), %[x], %[t4]\n\t"
            "adc %[x], %[t3]\n\t"
            "adc $0, %[t4]\n\t"
            PRODUCT_ROW(1, t1, t2, t3, t4, t5)
            PRODUCT_ROW(2, t2, t3, t4, t5, t6)
            PRODUCT_ROW(3, t3, t4, t5, t6, t7)
            REDUCE
            : OUTPUTS
            : [a] "r"(a), [b] "r"(b), "m"(*a), "m"(*b)
            : "rdx", "cc");
    *out = (field){{t0, t1, t2, t3}};
}

void field_sqr(field *out, const field *a)
{
    word t0, t1, t2, t3, t4, t5, t6, t7, x, y, zero;
    __asm__("mov 0(%[a]), %%rdx\n\t" /* t1 .. t6 = the six cross products */
            "mulx 8(%[a]), %[t1], %[t2]\n\t"
            "mulx 16(%[a]), %[x], %[t3]\n\t"
            "add %[x], %[t2]\n\t"
            "mulx 24(%[a]), %[x], %[t4]\n\t"
            "adc %[x], %[t3]\n\t"
            "adc $0, %[t4]\n\t"
            "mov 8(%[a]), %%rdx\n\t"
            "xor %k[zero], %k[zero]\n\t"
            "mulx 16(%[a]), %[x], %[y]\n\t"
            "adcx %[x], %[t3]\n\t"
            "adox %[y], %[t4]\n\t"
            "mulx 24(%[a]), %[x], %[t5]\n\t"
            "adcx %[x], %[t4]\n\t"
            "adox %[zero], %[t5]\n\t"
            "mov 16(%[a]), %%rdx\n\t"
            "mulx 24(%[a]), %[x], %[t6]\n\t"
            "adcx %[x], %[t5]\n\t"
            "adcx %[zero], %[t6]\n\t"

            "mov 0(%[a]), %%rdx\n\t" /* their doubles and the four squares */
            "xor %k[t7], %k[t7]\n\t"
            "mulx %%rdx, %[t0], %[y]\n\t"
            "adcx %[t1], %[t1]\n\t"
            "adox %[y], %[t1]\n\t"
            DOUBLE_AND_SQUARE(1, t2, t3)
            DOUBLE_AND_SQUARE(2, t4, t5)
            DOUBLE_AND_SQUARE(3, t6, t7)
            REDUCE
            : OUTPUTS
            : [a] "r"(a), "m"(*a)
            : "rdx", "cc");
    *out = (field){{t0, t1, t2, t3}};
}

#undef PRODUCT_ROW
#undef DOUBLE_AND_SQUARE
#undef REDUCE_ROUND
#undef REDUCE
#undef OUTPUTS
