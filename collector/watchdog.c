// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

static void set_timeout(struct watchdog *w, unsigned int seconds)
{
	int n = seconds;

	// A driver takes what it can, and says so; one that takes nothing keeps what it has.
	if (!ioctl(w->fd, WDIOC_SETTIMEOUT, &n) || !ioctl(w->fd, WDIOC_GETTIMEOUT, &n))
		w->seconds = n > 0 ? n : 0;
}

/* Its limits are not to be asked for: what is too long is halved until it is taken. */
static void arm(struct watchdog *w, unsigned int seconds)
{
	w->seconds = 0;
	for (; seconds > WATCHDOG_LEAST_S; seconds /= 2) {
		int n = seconds;

		if (!ioctl(w->fd, WDIOC_SETTIMEOUT, &n))
			break;
		if (errno != EINVAL)
			break;
	}
	set_timeout(w, seconds);
	watchdog_feed(w);
}

int watchdog_open(struct watchdog *w, const char *which, unsigned int seconds, struct err *err)
{
	bool automatic = !which[0] || !strcmp(which, "auto");
	const char *device = automatic ? WATCHDOG_DEVICE : which;
	struct watchdog_info info = {0};

	*w = (struct watchdog){.fd = -1};
	if (!strcmp(which, "no"))
		return 0;
	w->fd = open(device, O_WRONLY | O_CLOEXEC);
	if (w->fd < 0) {
		// No node, or a node without a driver.
		bool none = errno == ENOENT || errno == ENODEV || errno == ENXIO;

		if (none && automatic)
			return 0;
		if (none)
			return err_set(err, ERR_NOTFOUND, "watchdog %s is not there", device);
		return err_sys(err, "watchdog %s", device);
	}
	if (!ioctl(w->fd, WDIOC_GETSUPPORT, &info))
		snprintf(w->name, sizeof(w->name), "%.32s", (const char *)info.identity);
	arm(w, seconds < WATCHDOG_LEAST_S ? WATCHDOG_LEAST_S : seconds);
	return 0;
}

void watchdog_feed(struct watchdog *w)
{
	// One that takes no ioctl takes any byte but the magic one.
	if (w->fd >= 0 && ioctl(w->fd, WDIOC_KEEPALIVE, 0) && write(w->fd, "", 1) != 1)
		return;
}

void watchdog_leave(struct watchdog *w, unsigned int seconds)
{
	if (w->fd < 0)
		return;
	arm(w, seconds);
	// Closed without the magic byte, it goes on.
	close(steal_fd(&w->fd));
}

void watchdog_disarm(struct watchdog *w)
{
	int off = WDIOS_DISABLECARD;

	if (w->fd < 0)
		return;
	// At once, for somebody may hold it open; and the magic byte for who does not know of that.
	ioctl(w->fd, WDIOC_SETOPTIONS, &off);
	if (write(w->fd, "V", 1) != 1)
		watchdog_feed(w);
	close(steal_fd(&w->fd));
}
