/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nfs: mounts what another machine exports, with no help from outside: mount.nfs(8) and its
 * libraries are not in the initrd, and the kernel wants an address and a version from whoever
 * calls it (nfs(5), linux fs/nfs/fs_context.c).
 */
#ifndef COLLECTOR_NFS_H
#define COLLECTOR_NFS_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct target;

enum {
	NFS_ADDRESS_MAX = 64, /* text of one, scope and zero included */
	NFS_ADDRESSES_MAX = 8, /* of a host, tried in turn */
	NFS_OPTIONS_MAX = 320,
	NFS_LIMIT_S = 60, /* that one mount may take; the target's own limit holds, too */
};

/* A protocol version, newest first; NULL fstype behind the last. */
struct nfs_version {
	const char *fstype, *options;
};
extern const struct nfs_version nfs_versions[];

/* The options for a server at @addr, asked from @own, which is "" where nobody knows it. */
void nfs_options(char buf[static NFS_OPTIONS_MAX], const struct nfs_version *v, const char *addr,
		 const char *own);

/*
 * Mounts t->conf->where on @point, which is there; t->host is then the address by which the server
 * knows this machine. Addresses and versions are tried in turn, each mount in a process of its
 * own, for it may hang. ERR_USAGE for a name that is none, ERR_NOTFOUND when the name has no
 * address, ERR_SYS with what the last server said, ERR_LIMIT when none answered in time.
 */
int nfs_mount(struct target *t, const char *point, struct err *err);

#endif
