/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remote: the name of another machine as a target's line has it, taken apart. What comes out
 * is fit for the command line of ssh(1) and for mount(2): no part begins with a dash, and only
 * letters that names and addresses have are in it.
 */
#ifndef VMCORE_REMOTE_H
#define VMCORE_REMOTE_H

struct err;

enum {
	REMOTE_USER_MAX = 64,
	REMOTE_HOST_MAX = 256, /* a DNS name has 253 letters at most, RFC 1035 */
	REMOTE_PATH_MAX = 1024,
};

struct remote {
	char user[REMOTE_USER_MAX]; /* of ssh */
	char host[REMOTE_HOST_MAX]; /* name or address, without brackets */
	unsigned int port; /* of ssh; 0: not said */
	char path[REMOTE_PATH_MAX]; /* of nfs: what the server exports */
};

/*
 * "user@host", "user@host:port", "user@2001:db8::1", "user@[2001:db8::1]:port", each host with
 * "%link" where the address needs one. ERR_USAGE with what was expected and found.
 */
int remote_parse_ssh(struct remote *r, const char *text, struct err *err);

/* "host:/export", "[2001:db8::1]:/export". The same. */
int remote_parse_nfs(struct remote *r, const char *text, struct err *err);

#endif
