// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/remains.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/sha256.h"
#include "vmcore/crashdir.h"

enum {
	ID_MAX = 256,
	ID_DIGITS = 8, // of a digest or a random number: enough for those who share a target
	// Room for the prefix, two of them, and what is between.
	BOOT_PREFIX_MAX = sizeof(REMAINS_PREFIX) + 2 * (ID_DIGITS + 1),
};

/* The number itself is not for others to see, says machine-id(5). */
static void put_machine(char ret[static ID_DIGITS + 1])
{
	CLEANUP_FREE char *id = NULL;
	char host[ID_MAX] = "";
	uint8_t digest[SHA256_SIZE];
	struct sha256 h;

	// Of clones that have one id the names differ, one hopes.
	(void)io_read_file("/etc/machine-id", ID_MAX, &id, NULL, NULL);
	gethostname(host, sizeof(host) - 1);
	sha256_init(&h);
	sha256_update(&h, REMAINS_PREFIX, strlen(REMAINS_PREFIX));
	sha256_update(&h, host, strlen(host));
	if (id)
		sha256_update(&h, id, strcspn(id, "\n"));
	sha256_final(&h, digest);
	for (int i = 0; i < ID_DIGITS / 2; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static void put_boot(char ret[static ID_DIGITS + 1])
{
	CLEANUP_FREE char *id = NULL;

	if (io_read_file("/proc/sys/kernel/random/boot_id", ID_MAX, &id, NULL, NULL) ||
	    strlen(id) < ID_DIGITS)
		strcpy(ret, "00000000");
	else
		snprintf(ret, ID_DIGITS + 1, "%.8s", id);
}

void remains_prefix(char ret[static REMAINS_NAME_MAX])
{
	char machine[ID_DIGITS + 1];

	put_machine(machine);
	snprintf(ret, REMAINS_NAME_MAX, REMAINS_PREFIX "%s-", machine);
}

static void put_boot_prefix(char ret[static BOOT_PREFIX_MAX])
{
	char machine[ID_DIGITS + 1], boot[ID_DIGITS + 1];

	put_machine(machine);
	put_boot(boot);
	snprintf(ret, BOOT_PREFIX_MAX, REMAINS_PREFIX "%s-%s-", machine, boot);
}

void remains_name(char ret[static REMAINS_NAME_MAX], pid_t owner, uint64_t time)
{
	char prefix[BOOT_PREFIX_MAX], stamp[CRASHDIR_STAMP_LEN + 1];

	put_boot_prefix(prefix);
	crashdir_stamp(stamp, time);
	snprintf(ret, REMAINS_NAME_MAX, "%s%d-%s", prefix, (int)owner, stamp);
}

bool remains_are_stale(const char *name, pid_t owner)
{
	char prefix[REMAINS_NAME_MAX], boot[BOOT_PREFIX_MAX];
	long pid;
	char *end;

	remains_prefix(prefix);
	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return false;
	put_boot_prefix(boot);
	if (strncmp(name, boot, strlen(boot)) != 0)
		return true;
	pid = strtol(name + strlen(boot), &end, 10);
	// What nobody of ours would call one is left to its owner.
	if (*end != '-' || pid <= 0 || pid != (pid_t)pid)
		return false;
	return pid == owner || (kill(pid, 0) && errno == ESRCH);
}
