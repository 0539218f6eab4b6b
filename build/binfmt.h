/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of other CPUs: what binfmt_misc has registered, and qemu-user's interpreters for it (Documentation/admin-guide/binfmt-misc.rst
 * of Linux). What a builder asks is binfmt_can_run(); the rest is for `sampan binfmt`.
 *
 * Only a registration with the flag F counts: the kernel has opened its interpreter already, and a container needs none of its own.
 */
#ifndef SAMPAN_BUILD_BINFMT_H
#define SAMPAN_BUILD_BINFMT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "oci/platform.h"

#define BINFMT_DIR             "/proc/sys/fs/binfmt_misc"
#define BINFMT_ELF_BYTES       20   /* of an ELF header, up to its machine */
#define BINFMT_MAGIC_MAX       256  /* the kernel's BINPRM_BUF_SIZE: offset and magic lie in it */
#define BINFMT_NAME_MAX        256  /* with the NUL */
#define BINFMT_PATH_MAX        1920 /* with the NUL; of a whole registration */
#define BINFMT_FLAGS_MAX       16   /* with the NUL */
#define BINFMT_ENTRY_MAX_BYTES 8192 /* of what the kernel tells of one */
#define BINFMT_ENTRIES_MAX     1024 /* later ones are not looked at */

/* --- what there is to emulate (pure) ---------------------------------------------------------------------- */

struct binfmt_cpu {
	const char *architecture; /* GOARCH's: "arm64" */
	const char *qemu;         /* what qemu calls it: "aarch64" */
	const char *entry;        /* the name that Debian registers it under: "qemu-aarch64" */
	unsigned char magic[BINFMT_ELF_BYTES], mask[BINFMT_ELF_BYTES]; /* of its programs */
};

/* The `i`th one; NULL past the end. */
const struct binfmt_cpu *binfmt_cpu_at(size_t i);

/* By either of its names; NULL: none. */
const struct binfmt_cpu *binfmt_cpu_find(const char *name);

/* What a user calls it: "arm64", "linux/arm64", "aarch64". -EINVAL with those that there are. */
int binfmt_cpu_parse(const char *text, const struct binfmt_cpu **ret, struct err *e) MUST_CHECK;

/* Appends the line that registers an interpreter, as .../register and binfmt.d(5) take it, without a newline. -EINVAL: the path is not
 * absolute, or has what such a line cannot; -EFBIG, -ENOMEM. */
int binfmt_rule(const struct binfmt_cpu *cpu, const char *interpreter, const char *flags, struct buf *ret,
		struct err *e) MUST_CHECK;

/* --- what is registered (pure) ---------------------------------------------------------------------------- */

struct binfmt_entry {
	char name[BINFMT_NAME_MAX];
	bool enabled;
	bool by_extension; /* of file names: there is no magic then */
	char interpreter[BINFMT_PATH_MAX];
	char flags[BINFMT_FLAGS_MAX]; /* of "POCF" */
	size_t offset, len;           /* of the magic */
	unsigned char magic[BINFMT_MAGIC_MAX], mask[BINFMT_MAGIC_MAX];
};

/* Reads what a file of binfmt_misc says. `name` is the file's. -EINVAL with the line that is wrong. */
int binfmt_entry_parse(const char *name, const char *text, size_t len, struct binfmt_entry *ret,
		       struct err *e) MUST_CHECK;

/* Whether its magic is that of a CPU's programs, of those with a fixed address and of those without. */
bool binfmt_entry_fits(const struct binfmt_entry *entry, const struct binfmt_cpu *cpu);

/* Whether it is enabled, and containers need nothing for it. */
bool binfmt_entry_works(const struct binfmt_entry *entry);

/* All of binfmt_misc. */
struct binfmt {
	bool mounted;
	bool enabled; /* as a whole */
	struct binfmt_entry *items;
	size_t len;
};
void binfmt_done(struct binfmt *b);
#define cleanup_binfmt __attribute__((cleanup(binfmt_done)))

/* By its name; NULL: none. */
const struct binfmt_entry *binfmt_find(const struct binfmt *b, const char *name);

enum binfmt_way { BINFMT_NATIVE, BINFMT_EMULATED, BINFMT_MISSING };

/* "NATIVE" */
const char *binfmt_way_name(enum binfmt_way way);

struct binfmt_answer {
	enum binfmt_way way;
	/* Borrowed. EMULATED: who does it. MISSING: who would, were it enabled and had it the flag F; NULL: nobody. */
	const struct binfmt_entry *entry;
};

/* How programs of a platform run where `native` run by themselves. */
struct binfmt_answer binfmt_ask(const struct binfmt *b, const struct platform_list *native,
				const struct platform *p);

/* --- this machine ------------------------------------------------------------------------------------------ */

/* Reads a mounted binfmt_misc, BINFMT_DIR as a rule. Entries that cannot be understood are left out. That it is not mounted is no error. */
int binfmt_read(const char *dir, struct binfmt *ret, struct err *e) MUST_CHECK;

/* What this machine runs by itself: without 386 where an amd64 kernel has been built without it. */
void binfmt_native(struct platform_list *ret);

/* Whether, and through which interpreter, programs of a platform run in containers here. *ret_interpreter (owned) is NULL unless EMULATED. */
int binfmt_can_run(const struct platform *p, enum binfmt_way *ret, char **ret_interpreter,
		   struct err *e) MUST_CHECK;

/* An interpreter of Debian's packages, and the flags that it wants to be registered with. */
struct binfmt_interpreter {
	char path[128];
	const char *flags;
};

/* The one that is installed below `root` ("" as a rule), in Debian's order: what its own registration names, then qemu-user-static's
 * program. False: there is none. */
bool binfmt_interpreter_find(const char *root, const struct binfmt_cpu *cpu, struct binfmt_interpreter *ret);

/* Whether two paths lead to one file. */
bool binfmt_same_file(const char *a, const char *b);

/* Mounts it, and has the kernel load its module. -EPERM, -EOPNOTSUPP: the kernel has none. */
int binfmt_mount(const char *dir, struct err *e) MUST_CHECK;

/* Registers an interpreter under the CPU's name, which must be free. */
int binfmt_register(const char *dir, const struct binfmt_cpu *cpu, const struct binfmt_interpreter *i,
		    struct err *e) MUST_CHECK;

/* Forgets an entry. -ENOENT. */
int binfmt_unregister(const char *dir, const char *name, struct err *e) MUST_CHECK;

/* Writes sampan-ARCH.conf into `dir` (/etc/binfmt.d), which systemd-binfmt reads at each start; makes the folder. *ret_path is owned. */
int binfmt_persist(const char *dir, const struct binfmt_cpu *cpu, const struct binfmt_interpreter *i,
		   char **ret_path, struct err *e) MUST_CHECK;

/* Removes that file. Not an error where it is not there. */
int binfmt_forget(const char *dir, const struct binfmt_cpu *cpu, struct err *e) MUST_CHECK;

#endif
