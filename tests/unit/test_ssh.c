// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "vmcore/ssh.h"

static void test_quote(void **state)
{
	char buf[64];
	struct err err;

	(void)state;
	assert_int_equal(ssh_quote("/var/crash", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "'/var/crash'");
	assert_int_equal(ssh_quote("", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "''");
	assert_int_equal(ssh_quote("it's $(x) `y` \"z\" \\", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "'it'\\''s $(x) `y` \"z\" \\'");
	assert_int_equal(ssh_quote("a\nb", buf, sizeof(buf), &err), ERR_USAGE);
	assert_int_equal(ssh_quote("a\033b", buf, sizeof(buf), &err), ERR_USAGE);
	assert_int_equal(ssh_quote("12345", buf, 8, &err), 0);
	assert_int_equal(ssh_quote("123456", buf, 8, &err), ERR_LIMIT);
	assert_int_equal(ssh_quote("'''", buf, 8, &err), ERR_LIMIT);
	assert_int_equal(ssh_quote("", buf, 2, &err), ERR_LIMIT);
}

static struct ssh_conf conf_of(const char *where)
{
	struct ssh_conf conf = {.key = "/k", .hostkeys = "/h"};

	assert_int_equal(remote_parse_ssh(&conf.dest, where, NULL), 0);
	return conf;
}

static void test_known_name(void **state)
{
	char buf[SSH_NAME_MAX];
	struct ssh_conf conf = conf_of("a@host");

	(void)state;
	ssh_known_name(&conf.dest, buf);
	assert_string_equal(buf, "host");
	conf = conf_of("a@[2001:db8::1]:2222");
	ssh_known_name(&conf.dest, buf);
	assert_string_equal(buf, "[2001:db8::1]:2222");
	conf = conf_of("a@host:22");
	ssh_known_name(&conf.dest, buf);
	assert_string_equal(buf, "host");
}

/* What ssh(1) of OpenSSH 9.2 says, and what is made of it. */
static const struct said {
	int code;
	const char *said;
	int rc;
	const char *part;
} saids[] = {
	{255,
	 "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n"
	 "Host key verification failed.\r\n",
	 ERR_USAGE, "not the one that was pinned"},
	{255,
	 "No ED25519 host key is known for h and you have requested strict checking.\r\n"
	 "Host key verification failed.\r\n",
	 ERR_USAGE, "not pinned"},
	{255, "a@h: Permission denied (publickey).\r\n", ERR_USAGE, "refuses the key"},
	{255, "ssh: Could not resolve hostname h: Name or service not known\r\n", ERR_BROKEN,
	 "no address"},
	{255, "ssh: connect to host h port 22: Connection refused\r\n", ERR_BROKEN, "listens"},
	{255, "ssh: connect to host h port 22: No route to host\r\n", ERR_BROKEN, "no way to it"},
	{255, "ssh: connect to host h port 22: Connection timed out\r\n", ERR_BROKEN,
	 "does not answer"},
	{255, "Timeout, server h not responding.\r\n", ERR_BROKEN, "dead"},
	{255, "client_loop: send disconnect: Broken pipe\r\n", ERR_BROKEN, "broke"},
	{255, "", ERR_BROKEN, "the connection failed"},
	{1, "cat: write error: No space left on device\n", ERR_NOSPC, "disk is full"},
	{1, "mkdir: cannot create directory '/x': Permission denied\n", ERR_SYS, "mkdir: cannot"},
	{1, "", ERR_SYS, "without a word"},
};

static void test_explain(void **state)
{
	struct ssh_conf conf = conf_of("a@h");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(saids); i++) {
		struct child c = CHILD_NONE;
		struct err err = {0};

		c.status = saids[i].code << 8;
		snprintf(c.said, sizeof(c.said), "%s", saids[i].said);
		c.nsaid = strlen(c.said);
		assert_int_equal(ssh_explain(&c, &conf, ERR_SYS, &err), saids[i].rc);
		assert_non_null(strstr(err.msg, "ssh a@h: "));
		if (!strstr(err.msg, saids[i].part))
			fail_msg("%s: not in: %s", saids[i].part, err.msg);
		assert_null(strpbrk(err.msg, "\r\n"));
	}
}

/* The far side cannot write to our terminal. */
static void test_explain_hostile(void **state)
{
	struct ssh_conf conf = conf_of("a@h");
	struct child c = CHILD_NONE;
	struct err err = {0};

	(void)state;
	c.status = 1 << 8;
	memset(c.said, '\033', sizeof(c.said) - 1);
	c.nsaid = sizeof(c.said) - 1;
	assert_int_equal(ssh_explain(&c, &conf, ERR_SYS, &err), ERR_SYS);
	assert_null(strchr(err.msg, '\033'));
}

/* A program called ssh that writes down its words stands for the client. */
static void test_command_line(void **state)
{
	static const char *const wanted[] = {
		"-F\n/dev/null\n",
		"BatchMode=yes\n",
		"StrictHostKeyChecking=yes\n",
		"UserKnownHostsFile=\"/h\"\n",
		"IdentitiesOnly=yes\n",
		"GlobalKnownHostsFile=/dev/null\n",
		"ConnectTimeout=15\n",
		"ServerAliveInterval=",
		"-i\n/k\n",
		"-p\n2222\n",
		"-l\na\n--\n2001:db8::1\ncat > 'x'\n",
	};
	struct ssh_conf conf = conf_of("a@[2001:db8::1]:2222");
	char dir[] = "/tmp/test_ssh.XXXXXX", path[64], old[4096], out[8192];
	const char *script = "#!/bin/sh\nprintf '%s\\n' \"$@\"\n";
	struct child c;
	size_t n = 0;
	ssize_t got;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ssh", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, script, strlen(script), NULL), 0);
	close(fd);
	snprintf(old, sizeof(old), "%s", getenv("PATH"));
	setenv("PATH", dir, 1);
	assert_int_equal(ssh_start(&c, &conf, "cat > 'x'", NULL), 0);
	setenv("PATH", old, 1);
	while ((got = child_read(&c, out + n, sizeof(out) - 1 - n, 20000, NULL)) > 0)
		n += got;
	out[n] = '\0';
	assert_int_equal(child_wait(&c, 20000, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strstr(out, wanted[i]))
			fail_msg("%s: not in: %s", wanted[i], out);
	unlink(path);
	setenv("PATH", dir, 1);
	assert_int_equal(ssh_start(&c, &conf, "true", NULL), ERR_NOTFOUND);
	setenv("PATH", old, 1);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote),	     cmocka_unit_test(test_known_name),
		cmocka_unit_test(test_explain),	     cmocka_unit_test(test_explain_hostile),
		cmocka_unit_test(test_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
