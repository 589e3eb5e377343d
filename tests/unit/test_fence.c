// SPDX-License-Identifier: GPL-2.0-or-later
/* Nodes of a cluster are told that a dump is being made, for as long as it is. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/fence.h"
#include "collector/log.h"
#include "vmcore/config.h"

enum {
	TEXT_MAX = 4096,
};

/* A node: a socket on the loopback, on a port of the kernel's choice. */
static int make_node(unsigned int *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static void check_message(int node)
{
	uint8_t message[64];
	uint32_t words[2];

	assert_int_equal(recv(node, message, sizeof(message), 0), FENCE_MESSAGE_SIZE);
	memcpy(words, message, sizeof(words));
	assert_int_equal(words[0], 0x1B302A40);
	assert_int_equal(words[1], 1);
}

/* All that is said until nobody can say anything any more. */
static void check_says(int said, const char *what)
{
	char text[TEXT_MAX];
	ssize_t n = io_read(said, text, sizeof(text) - 1, NULL);

	assert_true(n >= 0);
	text[n] = '\0';
	if (!strstr(text, what))
		fail_msg("'%s' is not in: %s", what, text);
}

static void test_tells(void **state)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	CLEANUP_FREE struct log *log = calloc(1, sizeof(*log));
	struct err err = {0};
	int node, fd, said[2];

	(void)state;
	assert_true(c && log);
	config_default(c);
	node = make_node(&c->fence.port);
	strcpy(c->fence_nodes, "nobody 127.0.0.1");
	c->fence.interval = 1;
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	log_init(log, said[1], LOG_COMMON | LOG_ERROR);
	assert_int_equal(fence_start(c, log, &fd, &err), 0);
	assert_true(fd >= 0);
	close(said[1]);
	check_message(node);
	check_message(node);
	// The process ends with whoever started it.
	close(fd);
	check_says(said[0], "no address of nobody is known");
	close(said[0]);
	close(node);
}

/* As many as are wanted, and only by the family that is wanted. */
static void test_count(void **state)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	CLEANUP_FREE struct log *log = calloc(1, sizeof(*log));
	struct err err = {0};
	uint8_t byte;
	int node, fd, said[2];

	(void)state;
	assert_true(c && log);
	config_default(c);
	node = make_node(&c->fence.port);
	strcpy(c->fence_nodes, "127.0.0.1 ::1");
	c->fence.interval = 1;
	c->fence.count = 2;
	c->fence.family = 4;
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	log_init(log, said[1], LOG_COMMON | LOG_ERROR);
	assert_int_equal(fence_start(c, log, &fd, &err), 0);
	close(said[1]);
	check_says(said[0], "told, every 1 s");
	check_message(node);
	check_message(node);
	assert_int_equal(recv(node, &byte, 1, MSG_DONTWAIT), -1);
	close(fd);
	close(said[0]);
	close(node);
}

static void test_none(void **state)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct err err = {0};
	int fd = 0;

	(void)state;
	assert_non_null(c);
	config_default(c);
	assert_int_equal(fence_start(c, NULL, &fd, &err), 0);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tells),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
