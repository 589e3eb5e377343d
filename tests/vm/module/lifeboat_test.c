// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat_test: plants a pattern in kernel memory and makes a real oops on a CPU of choice,
 * for the tests with real crashes. Built by `scripts/kernel module`.
 *
 * On load it prints "lifeboat_test: pattern kmalloc 0xADDRESS size N" and the same for a
 * static array. The pattern is computed, so that the module's file does not hold it: word i
 * is pattern_word(i).
 *
 * Writing the number of a CPU to /sys/kernel/debug/lifeboat_test/oops stores to a NULL pointer
 * on that CPU.
 *
 * With the parameter hang_cpus=1 it does nothing but keep every CPU from coming up: whoever brings
 * it up waits for it, and holds the lock of CPU hotplug, for ever.
 *
 * With flip=ADDRESS it does nothing but turn one bit of physical memory, which it maps anew: what
 * was loaded for a crash is write-protected in the kernel's own mapping.
 */
#include <linux/cpuhotplug.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#define PATTERN_SIZE 4096

struct pattern {
	u64 words[PATTERN_SIZE / sizeof(u64)];
};

static struct pattern fixed_pattern;
static struct pattern *heap_pattern;
static struct dentry *dir;
static bool hang_cpus;
module_param(hang_cpus, bool, 0400);
static ulong flip;
module_param(flip, ulong, 0400);

/* Word i of what is planted: told to the tests by this line and nothing else. */
static u64 pattern_word(u64 i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL ^ 0x6c62272e07bb0142ULL;
}

static void plant(const char *name, struct pattern *p)
{
	u64 i;

	for (i = 0; i < ARRAY_SIZE(p->words); i++)
		p->words[i] = pattern_word(i);
	pr_notice("lifeboat_test: pattern %s 0x%px size %zu\n", name, p, sizeof(*p));
}

/* Not inlined, so that its name is in the trace. */
static noinline long lifeboat_test_oops(void *unused)
{
	int *null = NULL;

	/* The compiler must not know that this is NULL: it would put a trap instead. */
	OPTIMIZER_HIDE_VAR(null);
	*null = 1;
	return 0;
}

static int oops_set(void *data, u64 cpu)
{
	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -ENODEV;
	pr_notice("lifeboat_test: oops on CPU %llu\n", cpu);
	return work_on_cpu(cpu, lifeboat_test_oops, NULL);
}
DEFINE_DEBUGFS_ATTRIBUTE(oops_fops, NULL, oops_set, "%llu\n");

static int hang(unsigned int cpu)
{
	pr_notice("lifeboat_test: CPU %u hangs\n", cpu);
	for (;;)
		schedule_timeout_uninterruptible(MAX_SCHEDULE_TIMEOUT);
	return 0;
}

static int flip_bit(void)
{
	struct page *page = pfn_to_page(flip >> PAGE_SHIFT);
	u8 *p = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	if (!p)
		return -ENOMEM;
	p[offset_in_page(flip)] ^= 1;
	pr_warn("lifeboat_test: one bit at 0x%lx is not what it was\n", flip);
	vunmap(p);
	return 0;
}

static int __init lifeboat_test_init(void)
{
	if (flip)
		return flip_bit();
	if (hang_cpus) {
		int state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "lifeboat_test:hang",
						      hang, NULL);

		return state < 0 ? state : 0;
	}
	heap_pattern = kmalloc(sizeof(*heap_pattern), GFP_KERNEL);
	if (!heap_pattern)
		return -ENOMEM;
	plant("kmalloc", heap_pattern);
	plant("static", &fixed_pattern);
	dir = debugfs_create_dir("lifeboat_test", NULL);
	debugfs_create_file_unsafe("oops", 0200, dir, NULL, &oops_fops);
	return 0;
}

static void __exit lifeboat_test_exit(void)
{
	debugfs_remove(dir);
	kfree(heap_pattern);
}

module_init(lifeboat_test_init);
module_exit(lifeboat_test_exit);
MODULE_DESCRIPTION("Planted pattern and oops for the tests of Lifeboat");
MODULE_LICENSE("GPL");
