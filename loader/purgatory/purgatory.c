// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * purgatory: runs between the dead kernel and the capture kernel, with nothing around it. It
 * makes sure that what was loaded is still what was loaded: a stray write or DMA of the dying
 * machine must not become a capture that behaves strangely. If it is not, it says on the
 * serial line which segment is damaged, and resets the machine.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "loader/purgatory.h"

/* Of the 16550. */
enum {
	UART_DATA = 0,
	UART_STATUS = 5,
	UART_CAN_SEND = 0x20,
	UART_PATIENCE = 1 << 20, /* looks at the status */
};

enum {
	DELAY_PORT = 0x80, /* a write takes about a microsecond */
	READING_TIME = 3 * 1000 * 1000, /* of them, before the reset */
};

/* Filled by the loader; purgatory.lds puts it where purgatory.h says. Not const, or it is folded. */
struct purgatory_info purgatory_info
	__attribute__((section(".info"), aligned(16))) = {.magic = PURGATORY_MAGIC};

void purgatory_check(void);
void purgatory_fault(void) __attribute__((noreturn));

/* The compiler may call these for what it copies or clears. */
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

void *memcpy(void *to, const void *from, size_t size)
{
	void *ret = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	return ret;
}

void *memset(void *to, int byte, size_t size)
{
	void *ret = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
	return ret;
}

static void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* A port where nothing is reads as all ones, and so as ready. */
static void put(char ch)
{
	uint16_t port = purgatory_info.serial;

	if (!port)
		return;
	for (int i = 0; !(in8(port + UART_STATUS) & UART_CAN_SEND); i++) {
		// Nobody takes what is said: the machine is to come back all the same.
		if (i == UART_PATIENCE) {
			purgatory_info.serial = 0;
			return;
		}
	}
	out8(port + UART_DATA, ch);
}

static void say(const char *text, size_t max)
{
	for (size_t i = 0; i < max && text[i]; i++)
		put(text[i]);
}

static void say_hex(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < 2 * n; i++) {
		unsigned int v = bytes[i / 2] >> (i % 2 ? 0 : 4) & 0xf;

		put(v < 10 ? '0' + v : 'a' + v - 10);
	}
}

static void __attribute__((noreturn)) give_up(void)
{
	say("resetting the machine\r\n", 64);
	for (int i = 0; i < READING_TIME; i++)
		out8(DELAY_PORT, 0);
	out8(0xcf9, 0x02);
	out8(0xcf9, 0x06); // reset by the chip set
	for (int i = 0; i < READING_TIME; i++)
		out8(DELAY_PORT, 0);
	out8(0x64, 0xfe); // by the keyboard controller
	purgatory_fault();
}

static void complain(const struct purgatory_region *r, const uint8_t *found)
{
	say("\r\nlifeboat: the capture image is damaged: ", 64);
	say(r->name, sizeof(r->name));
	say(": sha256 expected ", 32);
	say_hex(r->digest, SHA256_SIZE);
	say(", found ", 16);
	say_hex(found, SHA256_SIZE);
	say("\r\nlifeboat: no dump can be taken; ", 64);
}

static int is_whole(const struct purgatory_region *r)
{
	uint8_t found[SHA256_SIZE];
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, (const void *)(uintptr_t)r->start, r->size);
	sha256_final(&h, found);
	for (int i = 0; i < SHA256_SIZE; i++) {
		if (found[i] != r->digest[i]) {
			complain(r, found);
			return 0;
		}
	}
	return 1;
}

/* Comes back only if all is well. */
void purgatory_check(void)
{
	uint32_t n = purgatory_info.nregions;
	int whole = 1;

	if (n > PURGATORY_REGIONS_MAX)
		n = PURGATORY_REGIONS_MAX;
	for (uint32_t i = 0; i < n; i++)
		whole &= is_whole(&purgatory_info.regions[i]);
	if (!whole)
		give_up();
}
