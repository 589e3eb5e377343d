/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sshtry: whether the collector could log in to an ssh target and write there, tried with its very
 * options.
 */
#ifndef LOADER_SSHTRY_H
#define LOADER_SSHTRY_H

struct config;
struct config_target;
struct err;
struct ssh_conf;

/* The key and the host keys that @target of @c is reached with. What ssh_fill() says. */
int sshtry_fill(struct ssh_conf *ssh, const struct config *c, const struct config_target *target,
		struct err *err);

/*
 * Logs in, makes the target's path over there and writes to it. What ssh_explain() says: a line
 * with what to do.
 */
int sshtry_login(const struct ssh_conf *ssh, const struct config_target *target, struct err *err);

#endif
