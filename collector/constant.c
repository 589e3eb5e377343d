// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/constant.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

static bool portable(const uint64_t *w, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t any = (w[i] ^ value) | (w[i + 1] ^ value) | (w[i + 2] ^ value) |
			       (w[i + 3] ^ value) | (w[i + 4] ^ value) | (w[i + 5] ^ value) |
			       (w[i + 6] ^ value) | (w[i + 7] ^ value);

		if (any)
			return false;
	}
	return true;
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) static bool vector(const uint64_t *w, size_t n, uint64_t value)
{
	__m256i v = _mm256_set1_epi64x(value);

	for (size_t i = 0; i < n; i += 8) {
		__m256i a = _mm256_loadu_si256((const void *)(w + i));
		__m256i b = _mm256_loadu_si256((const void *)(w + i + 4));
		__m256i any = _mm256_or_si256(_mm256_xor_si256(a, v), _mm256_xor_si256(b, v));

		if (!_mm256_testz_si256(any, any))
			return false;
	}
	return true;
}

static bool has_vector(void)
{
	return __builtin_cpu_supports("avx2");
}

#elif defined(__aarch64__)

static bool vector(const uint64_t *w, size_t n, uint64_t value)
{
	uint64x2_t v = vdupq_n_u64(value);

	for (size_t i = 0; i < n; i += 8) {
		uint64x2_t a = vorrq_u64(veorq_u64(vld1q_u64(w + i), v),
					 veorq_u64(vld1q_u64(w + i + 2), v));
		uint64x2_t b = vorrq_u64(veorq_u64(vld1q_u64(w + i + 4), v),
					 veorq_u64(vld1q_u64(w + i + 6), v));

		if (vmaxvq_u32(vreinterpretq_u32_u64(vorrq_u64(a, b))))
			return false;
	}
	return true;
}

static bool has_vector(void)
{
	return true;
}

#else

static const constant_fn vector;

static bool has_vector(void)
{
	return false;
}

#endif

constant_fn constant_way(size_t i)
{
	return i == 0 ? portable : i == 1 && has_vector() ? vector : NULL;
}

static bool all_are(const uint64_t *w, size_t n, uint64_t value)
{
	// Most pages that are not constant say so in one of two places.
	if (w[n / 2] != value || w[n - 1] != value)
		return false;
	return has_vector() ? vector(w, n, value) : portable(w, n, value);
}

bool page_is_zero(const void *page, size_t size)
{
	const uint64_t *w = page;

	return !w[0] && all_are(w, size / sizeof(*w), 0);
}

bool page_is_constant(const void *page, size_t size)
{
	const uint64_t *w = page;

	return all_are(w, size / sizeof(*w), w[0]);
}
