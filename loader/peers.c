// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

/* Tables of crashkernel= that are put on the command line as they are. */
static const struct {
	const char *name, *table;
} tables[] = {
	// kdump-lib.sh, kdump_get_arch_recommend_crashkernel(), x86_64.
	{"RHEL, Fedora: kdumpctl get-default-crashkernel", "2G-64G:256M,64G-:512M"},
	// debian/kdump-tools.grub.default.
	{"Debian: kdump-tools", "384M-:128M"},
	// Ubuntu Server documentation, "Kernel crash dump", since 24.10.
	{"Ubuntu: kdump-tools", "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"},
};

/* memparse(): a number and K, M, G, T or P; *@s goes on behind it. */
static bool take_size(const char **s, uint64_t *ret)
{
	static const char units[] = "KMGTPEkmgtpe";
	const char *unit;
	char *end;

	if (**s < '0' || **s > '9')
		return false;
	*ret = strtoull(*s, &end, 0);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		unsigned int shift = 10 * ((unit - units) % 6 + 1);

		if (*ret > UINT64_MAX >> shift)
			return false;
		*ret <<= shift;
		end++;
	}
	*s = end;
	return true;
}

/* "@OFFSET", or nothing. */
static bool take_offset(const char **s)
{
	uint64_t offset;

	if (**s != '@')
		return true;
	(*s)++;
	return take_size(s, &offset);
}

/* What may stand behind a size that is not one of a range: to the end of the value. */
static bool ends_simple(const char *s)
{
	static const char *const kinds[] = {",high", ",low", ",cma"};

	if (!take_offset(&s))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(s, kinds[i]) == 0)
			return true;
	return *s == '\0';
}

bool peers_crashkernel(const char *s, uint64_t memory, uint64_t *ret)
{
	// The kernel rounds up to what its own count of memory may have lost to firmware.
	uint64_t rounded = (memory + MIB(128) - 1) / MIB(128) * MIB(128);

	bool found = false;

	*ret = 0;
	for (bool first = true;; first = false) {
		uint64_t start, end = UINT64_MAX, size;

		if (!take_size(&s, &start))
			return false;
		if (*s != '-') {
			*ret = start;
			return first && ends_simple(s);
		}
		s++;
		if (*s != ':' && !take_size(&s, &end))
			return false;
		if (*s++ != ':' || !take_size(&s, &size))
			return false;
		if (!found && rounded >= start && rounded < end) {
			*ret = size;
			found = true;
		}
		if (*s != ',')
			return take_offset(&s) && *s == '\0';
		s++;
	}
}

/*
 * kdumpctl estimate: kernel, modules, three times its initrd, 16 MiB for what runs, what LUKS asks
 * for; not less than the table. Its initrd is larger than ours, which is taken here.
 */
static uint64_t ask_kdumpctl(const struct peers_facts *f)
{
	uint64_t least = 0, sum = f->kernel + f->modules + 3 * f->initrd + MIB(16) + f->luks;

	peers_crashkernel(tables[0].table, f->memory, &least);
	return sum > least ? sum : least;
}

/*
 * kdumptool calibrate, with the constants for x86_64 of kdumptool/calibrate.cc (0.8.12), in KiB:
 * what is needed at boot, and at run time with dirty pages, hashes and the struct pages of it all.
 */
static uint64_t ask_kdumptool(const struct peers_facts *f)
{
	uint64_t kernel = 32 << 10, kernel_init = 5 << 10, dynamic = 8 << 10, frames = 768 * 4;
	uint64_t ramfs = (34 + (f->network ? 3 : 0)) << 10;
	uint64_t user = (30 + (f->network ? 7 : 0)) << 10;
	uint64_t total = f->memory >> 10;
	uint64_t boot = kernel + kernel_init + ramfs / 2 + ramfs;
	uint64_t bitmap = (total / 4096 + 3) / 4;
	uint64_t need;

	user += bitmap < 32 << 10 ? bitmap : 32 << 10;
	user += (96 * ((total + (1 << 17) - 1) >> 17)) >> 10;
	need = kernel + ramfs + dynamic + frames + user;
	// A fifth of it may be dirty, with 64 KiB of metadata a MiB of that.
	need = need * (100 << 10) / ((100 << 10) - (20 << 10) - 20 * 64);
	need = need * (1 << 20) / ((1 << 20) - 232 * 8);
	need = need * 4096 / (4096 - 64);
	return KIB(need > boot ? need : boot) + f->luks;
}

size_t peers_ask(const struct peers_facts *f, struct peer ret[static PEERS_MAX])
{
	size_t n = 0;

	_Static_assert(ARRAY_SIZE(tables) + 2 <= PEERS_MAX, "room for all");
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		ret[n] = (struct peer){.name = tables[i].name, .rule = tables[i].table};
		peers_crashkernel(tables[i].table, f->memory, &ret[n++].bytes);
	}
	ret[n++] = (struct peer){
		.name = "RHEL, Fedora: kdumpctl estimate",
		.bytes = ask_kdumpctl(f),
		.rule = "kernel + modules + 3 x initrd (ours) + 16M + LUKS, at least the table",
	};
	ret[n++] = (struct peer){
		.name = "SUSE: kdumptool calibrate",
		.bytes = ask_kdumptool(f),
		.rule = "kdumptool/calibrate.cc, x86_64 constants of 0.8.12",
	};
	return n;
}
