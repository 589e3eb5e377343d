/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold: no signal of a user, a terminal that is lost or a service that is stopped ends this program
 * while the machine is without its capture kernel. What came meanwhile does so behind it.
 */
#ifndef LOADER_HOLD_H
#define LOADER_HOLD_H

#include <signal.h>

/* Holds them back; *@ret is for hold_end(). One hold may be within another. */
void hold_begin(sigset_t *ret);
void hold_end(const sigset_t *before);

#endif
