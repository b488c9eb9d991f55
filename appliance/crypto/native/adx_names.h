/* Other names for what adx.c compiles a second time.  A name forgotten here is defined twice, which the
 * linker refuses. */
#ifndef SHIYIN_ADX_NAMES_H
#define SHIYIN_ADX_NAMES_H

#define field_from_plain field_from_plain_adx
#define field_invert field_invert_adx
#define field_mul field_mul_adx
#define field_one field_one_adx
#define field_p field_p_adx
#define field_read field_read_adx
#define field_sqr field_sqr_adx
#define field_to_plain field_to_plain_adx
#define field_write field_write_adx
#define scalar_add scalar_add_adx
#define scalar_from_number scalar_from_number_adx
#define scalar_from_wide scalar_from_wide_adx
#define scalar_invert_to_montgomery scalar_invert_to_montgomery_adx
#define scalar_is_zero scalar_is_zero_adx
#define scalar_mul scalar_mul_adx
#define scalar_n scalar_n_adx
#define scalar_read scalar_read_adx
#define scalar_sub scalar_sub_adx
#define scalar_to_montgomery scalar_to_montgomery_adx
#define scalar_write scalar_write_adx
#define affine_on_curve affine_on_curve_adx
#define affine_read affine_read_adx
#define affine_write affine_write_adx
#define point_add_affine_public point_add_affine_public_adx
#define point_add_multiple_public point_add_multiple_public_adx
#define point_add_public point_add_public_adx
#define point_double point_double_adx
#define point_generator point_generator_adx
#define point_infinity point_infinity_adx
#define running_add running_add_adx
#define running_add_public running_add_public_adx
#define running_from_affine running_from_affine_adx
#define running_from_point running_from_point_adx
#define running_normalise running_normalise_adx
#define comb_add_public comb_add_public_adx
#define comb_fill comb_fill_adx
#define comb_generator comb_generator_adx
#define comb_initialise comb_initialise_adx
#define comb_multiply comb_multiply_adx
#define sm2_commitment_r sm2_commitment_r_adx
#define sm2_verify_batch sm2_verify_batch_adx
#define cache_find cache_find_adx
#define cache_note cache_note_adx
#define cache_release cache_release_adx
#define signature_read signature_read_adx
#define sm2_verify sm2_verify_adx
#define sm2_verify_by_table sm2_verify_by_table_adx
#define sm2_check sm2_check_adx
#define sm2_make sm2_make_adx
#define sm2_nonces sm2_nonces_adx
#define sm2_sign sm2_sign_adx
#define sm2_key_close sm2_key_close_adx
#define sm2_key_export sm2_key_export_adx
#define sm2_key_free sm2_key_free_adx
#define sm2_key_generate sm2_key_generate_adx
#define sm2_key_load sm2_key_load_adx
#define sm2_arithmetic sm2_arithmetic_adx

#endif
