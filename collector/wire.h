/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire: the frames that a collector and lifeboat-receive exchange, byte for byte as
 * docs/receive-protocol.md has them. A frame is a header of WIRE_HEADER bytes and a payload of at
 * most WIRE_PAYLOAD_MAX; its digest covers both. All integers are little-endian.
 *
 * Whoever reads a frame checks it before anything of it is used: magic, type, who may send it,
 * sizes, digest. Both ends share these functions; what a frame does is in intake.c and uplink.c.
 */
#ifndef COLLECTOR_WIRE_H
#define COLLECTOR_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define WIRE_MAGIC    0x3152424cU /* "LBR1" */
#define WIRE_FILE_MAX (1ULL << 46) /* bytes of a file: nothing is written behind that */

enum {
	WIRE_VERSION = 1,
	WIRE_HEADER = 40,
	WIRE_PAYLOAD_MAX = 1 << 20,
	WIRE_READ_MAX = 64 << 10, /* bytes of one answer to WIRE_READ */
	WIRE_ID = 16, /* bytes of the name that a client gives itself, at random */
	WIRE_NAME_MAX = 200, /* bytes of a name, less than NAME_MAX and what is added to it */
	WIRE_TEXT_MAX = 480, /* bytes of the words of an error */
};

enum wire_type {
	/* From the client. Those up to WIRE_LAST_COUNTED change something and are counted. */
	WIRE_OPEN = 1, /* a new file; offset: bytes it may come to, payload: its name */
	WIRE_CHUNK = 2, /* payload belongs at offset */
	WIRE_SIZE = 3, /* the file is offset bytes long */
	WIRE_RESERVE = 4, /* room from offset to the u64 of the payload */
	WIRE_SYNC = 5, /* what came so far is to be durable */
	WIRE_COMMIT = 6, /* the file is whole: offset bytes, struct wire_commit */
	WIRE_KEEP = 7, /* it will not be: durable, under the name that says so */
	WIRE_ABANDON = 8, /* of no use: removed */
	WIRE_LAST_COUNTED = WIRE_ABANDON,
	WIRE_HELLO = 16, /* the first frame: struct wire_hello */
	WIRE_READ = 17, /* the u32 of the payload bytes at offset are wanted back */
	WIRE_SPACE = 18, /* how much room is there? */
	WIRE_BYE = 19, /* all is done */
	/* From the server. */
	WIRE_WELCOME = 64, /* struct wire_welcome */
	WIRE_ACK = 65, /* durable up to seq, written up to the one in offset */
	WIRE_DATA = 66, /* answers WIRE_READ */
	WIRE_ROOM = 67, /* answers WIRE_SPACE: offset bytes */
	WIRE_ERROR = 68, /* of the frame seq (0: none); u32 enum wire_code, then words */
	WIRE_BUSY = 69, /* at work on what was asked for: be patient */
};

enum {
	WIRE_F_RESUME = 1, /* HELLO: go on where we were; WELCOME: so be it */
	WIRE_F_REPLACE = 1, /* OPEN: a file of that name may be there already */
	WIRE_F_STREAM = 1, /* CHUNK: page data, which is written once */
	WIRE_F_WHOLE = 1, /* ABANDON: the whole file of that name goes, too */
	WIRE_F_FATAL = 1, /* ERROR: the connection ends here */
};

/* What is wrong, for a program; the words are for people. */
enum wire_code {
	WIRE_E_PROTOCOL = 1, /* not a frame, or not one that may come here */
	WIRE_E_VERSION = 2, /* no version that both ends speak */
	WIRE_E_NAME = 3, /* a name that is refused */
	WIRE_E_BUSY = 4, /* somebody else writes there: later, perhaps */
	WIRE_E_EXISTS = 5, /* there is one already, of somebody else */
	WIRE_E_LOST = 6, /* nothing there to go on with */
	WIRE_E_SPACE = 7, /* full, or over the quota */
	WIRE_E_IO = 8, /* a disk or a system call */
	WIRE_E_DIGEST = 9, /* what arrived is not what was sent */
	WIRE_E_FAILED = 10, /* an earlier frame of this file failed: it cannot be whole */
};

struct wire_frame {
	uint16_t type; /* enum wire_type */
	uint16_t flags;
	uint32_t size; /* bytes of the payload */
	uint64_t seq; /* of a counted frame: 1 for the first of a session, then one more each */
	uint64_t offset;
	uint64_t digest;
};

struct wire_hello {
	uint32_t version;
	uint32_t capabilities; /* none is defined: 0 */
	uint64_t room; /* bytes the dump may come to, 0: not known */
	uint8_t id[WIRE_ID];
	char name[WIRE_NAME_MAX + 1]; /* of the crash directory */
};

/* What of the last file was refused, up to the frame that is durable. */
struct wire_refusal {
	uint32_t code; /* enum wire_code of the first refusal; 0: there was none */
	uint64_t seq; /* the last frame that was refused */
	uint64_t bad; /* page data from that offset on is not all there; UINT64_MAX: it is */
};

struct wire_welcome {
	uint32_t version;
	uint32_t capabilities; /* of those of the hello, what the server has too */
	uint64_t seq; /* the last counted frame that is durable */
	uint64_t room; /* bytes there is room for; UINT64_MAX: not known */
	struct wire_refusal refusal;
};

/*
 * Of what is said to be whole: `chain` of all counted frames before, and, where size is not 0, the
 * XXH64 of `size` bytes of the file from `start` on, which the server reads back.
 */
struct wire_commit {
	uint64_t chain;
	uint64_t start, size;
	uint64_t digest;
};

enum {
	WIRE_HELLO_MIN = 16 + WIRE_ID + 1,
	WIRE_HELLO_MAX = 16 + WIRE_ID + WIRE_NAME_MAX,
	WIRE_WELCOME_SIZE = 48,
	WIRE_COMMIT_SIZE = 32,
	WIRE_ERROR_MIN = 4,
	WIRE_ERROR_MAX = WIRE_ERROR_MIN + WIRE_TEXT_MAX,
};

/* Fills in the digest of @f, which has all else, with its @payload, and writes the header. */
void wire_seal(struct wire_frame *f, const void *payload, uint8_t header[static WIRE_HEADER]);

/*
 * A header that came in, from a client or from the server. ERR_CORRUPT for what is none,
 * ERR_LIMIT for a size or an offset beyond its limit, ERR_UNSUPPORTED for a type we don't know.
 */
int wire_header(const uint8_t header[static WIRE_HEADER], bool from_client, struct wire_frame *ret,
		struct err *err);

/* The digest of what came in. ERR_CORRUPT. */
int wire_check(const struct wire_frame *f, const uint8_t header[static WIRE_HEADER],
	       const void *payload, struct err *err);

/* The chain of counted frames, from 0 on: @chain with the frame of that digest behind it. */
uint64_t wire_chain(uint64_t chain, uint64_t digest);

/* Whether the client's frame of this type is counted. */
bool wire_counted(uint16_t type);

/* "chunk", "commit" ...; "frame" for what has no name. */
const char *wire_name(uint16_t type);

/* Payloads. put: the bytes used of @buf. get: of wire_header()'s sizes; ERR_CORRUPT, ERR_USAGE. */
size_t wire_put_hello(const struct wire_hello *h, uint8_t buf[static WIRE_HELLO_MAX]);
int wire_get_hello(const uint8_t *payload, size_t size, struct wire_hello *ret, struct err *err);
size_t wire_put_welcome(const struct wire_welcome *w, uint8_t buf[static WIRE_WELCOME_SIZE]);
void wire_get_welcome(const uint8_t payload[static WIRE_WELCOME_SIZE], struct wire_welcome *ret);
size_t wire_put_commit(const struct wire_commit *c, uint8_t buf[static WIRE_COMMIT_SIZE]);
void wire_get_commit(const uint8_t payload[static WIRE_COMMIT_SIZE], struct wire_commit *ret);
/* @text loses what is too long; on arrival, what a terminal would take for more than a letter. */
size_t wire_put_error(enum wire_code code, const char *text, uint8_t buf[static WIRE_ERROR_MAX]);
void wire_get_error(const uint8_t *payload, size_t size, uint32_t *code,
		    char text[static WIRE_TEXT_MAX + 1]);

/* The ERR_* that a code of the other end is here. */
int wire_code_err(uint32_t code);

/*
 * A name of @size bytes, to a string: letters, digits and "._:+-", the first a letter or a digit,
 * one component of a path whatever else. ERR_USAGE.
 */
int wire_get_name(const void *name, size_t size, char ret[static WIRE_NAME_MAX + 1],
		  struct err *err);

#endif
