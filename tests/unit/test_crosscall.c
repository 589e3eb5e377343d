// SPDX-License-Identifier: GPL-2.0-or-later
/* How many workers pay, on CPUs that answer each other sooner or later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/crosscall.h"

static unsigned int asked; // times; of the test that runs

static uint64_t soon(unsigned int n)
{
	asked++;
	return n;
}

/* A host that has two CPUs for all. */
static uint64_t host_of_two(unsigned int n)
{
	asked++;
	return n > 2 ? 3000000 : 15000;
}

static uint64_t never(unsigned int n)
{
	asked++;
	return n * 1000000;
}

static uint64_t untold(unsigned int n)
{
	(void)n;
	asked++;
	return 0;
}

static void pay(uint64_t (*measure)(unsigned int), unsigned int n, unsigned int workers,
		unsigned int measured)
{
	uint64_t ns;

	asked = 0;
	assert_int_equal(crosscall_workers(n, measure, &ns), workers);
	assert_int_equal(asked, measured);
}

static void test_all_pay(void **state)
{
	(void)state;
	pay(soon, 2, 2, 1);
	pay(soon, 64, 64, 1);
}

static void test_fewer_pay(void **state)
{
	uint64_t ns;

	(void)state;
	pay(host_of_two, 4, 2, 2);
	pay(host_of_two, 3, 2, 2);
	pay(host_of_two, 2, 2, 1);
	assert_int_equal(crosscall_workers(9, host_of_two, &ns), 2);
	assert_int_equal(ns, 3000000);
}

static void test_one_pays(void **state)
{
	(void)state;
	pay(never, 2, 1, 1);
	pay(never, 8, 1, 3);
}

/* Nothing is to be measured with one, and a kernel that cannot tell has all of them. */
static void test_not_measured(void **state)
{
	(void)state;
	pay(never, 1, 1, 0);
	pay(never, 0, 1, 0);
	pay(untold, 4, 4, 1);
}

/* The call itself: there is an answer wherever the kernel has membarrier(2). */
static void test_this_machine(void **state)
{
	(void)state;
	assert_int_equal(crosscall_ns(1), 0);
	assert_int_not_equal(crosscall_ns(2), 0);
	assert_true(crosscall_ns(2) < UINT64_C(60000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_pay),	     cmocka_unit_test(test_fewer_pay),
		cmocka_unit_test(test_one_pays),     cmocka_unit_test(test_not_measured),
		cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
