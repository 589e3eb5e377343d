# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# packages.sh: Debian's packages as files, of any suite, for scripts that unpack and do not
# install them. Sourced; wants build, cache, die and say.
#
# Without a suite the machine's own package lists are used. Else apt runs on a state of its own in
# build/apt/SUITE, whose sources are the machine's with the suite's name replaced: no root needed
# and nothing of the system changed.

# ---- apt, on the machine's state or on one of our own ----

suite=   # of the isolated state; empty: the machine's own

apt_get()
{
	apt_run apt-get -q "$@"
}

apt_run()
{
	cmd=$1
	shift
	# The sandbox user of apt cannot enter a build directory below /root.
	if [ -z "$suite" ]; then
		"$cmd" -o APT::Sandbox::User=root "$@"
	else
		# What the machine prefers is of another suite.
		"$cmd" -o APT::Sandbox::User=root \
			-o APT::Default-Release= \
			-o Dir::Etc::Preferences=/dev/null \
			-o Dir::Etc::PreferencesParts=/dev/null \
			-o Dir::Etc::SourceList="$build/apt/$suite/sources.list" \
			-o Dir::Etc::SourceParts=/dev/null \
			-o Dir::State::Lists="$build/apt/$suite/lists" \
			-o Dir::State::Status="$build/apt/$suite/status" \
			-o Dir::Cache="$build/apt/$suite/cache" \
			-o Acquire::Languages=none "$@"
	fi
}

# Why apt-get did not do what WORDS... ask for, in one line; only for what is done without the network.
apt_reason() # WORDS...
{
	apt_get "$@" 2>&1 > /dev/null | sed -n 's/^E: //p' | paste -s -d ' ' -
}

# The sources of the machine: the address, suite and component of each. Their lists need not be there,
# as they are not in an image of a container.
machine_sources()
{
	# shellcheck disable=SC2016 # these are apt's own variables
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages'
}

codename()
{
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# Writes the sources of suite $1: those of the machine that belong to its own release.
derive_sources()
{
	own=$(codename)
	[ -n "$own" ] || die "/etc/os-release has no VERSION_CODENAME: cannot derive the sources of $1"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	opts=
	[ ! -f "$keyring" ] || opts=" [signed-by=$keyring]"
	machine_sources |
		awk -v own="$own" -v suite="$1" -v opts="$opts" '
			$2 == own || $2 == "stable" {
				print "deb" opts, $1, suite, $3
			}
			# Unstable has neither updates nor a security archive.
			suite != "sid" && suite != "unstable" &&
			($2 == own "-security" || $2 == own "-updates") {
				print "deb" opts, $1, suite substr($2, length(own) + 1), $3
			}' | sort -u
}

use_suite()
{
	suite=$1
	mkdir -p "$build/apt/$suite/lists/partial" "$build/apt/$suite/cache/archives/partial"
	: > "$build/apt/$suite/status"
	derive_sources "$suite" > "$build/apt/$suite/sources.list"
	[ -s "$build/apt/$suite/sources.list" ] ||
		die "no package source of this machine to derive $suite from"
}

update_suite()
{
	say "fetching the package lists of $suite"
	# A source that a suite does not have is no reason to stop: what was asked for
	# may be in the others.
	apt_get update >&2 || say "some package lists of $suite could not be had; going on"
	[ -z "$suite" ] || : > "$build/apt/$suite/updated"
}

# Are the lists older than a day? Sid moves every day.
suite_is_old()
{
	[ -z "$(find "$build/apt/$suite/updated" -mmin -1440 2> /dev/null)" ]
}

# ---- packages ----

# Prints the path of package $1's file in the cache, downloaded when it is not there.
package()
{
	line=$(apt_get download --print-uris "$1" 2>/dev/null | tail -n 1)
	[ -n "$line" ] ||
		die "the package $1 cannot be found: $(apt_reason download --print-uris "$1")"
	# 'URI' NAME SIZE HASH
	file=$(printf '%s\n' "$line" | awk '{ print $2 }')
	size=$(printf '%s\n' "$line" | awk '{ print $3 }')
	if [ -f "$cache/$file" ] && [ "$(stat -c %s "$cache/$file")" = "$size" ]; then
		printf '%s\n' "$cache/$file"
		return
	fi
	say "downloading $1 ($((size / 1000000)) MB)"
	mkdir -p "$cache"
	part=$(mktemp -d "$cache/part.XXXXXX")
	# apt checks the digest; the rename makes the cache never hold half a file.
	if ! (cd "$part" && apt_get download "$1" >&2); then
		rm -rf "$part"
		return 1
	fi
	mv "$part"/*.deb "$cache/$file"
	rm -rf "$part"
	printf '%s\n' "$cache/$file"
}

# The same; a mirror that has moved on since the lists were read gets one more try with new lists.
package_fresh()
{
	if deb=$(package "$1"); then
		printf '%s\n' "$deb"
		return
	fi
	use_suite "${suite:-$(codename)}"
	update_suite
	package "$1" || die "the package $1 cannot be downloaded"
}
