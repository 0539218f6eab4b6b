/* SPDX-License-Identifier: Apache-2.0 */
/* binfmt_misc of this machine, and the interpreters that are installed. */
#include "build/binfmt.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define ENTRIES_STEP 16

/* Whether binfmt_misc as a whole is on; -ENOENT: it is not mounted. */
static int read_status(int dir_fd, bool *ret)
{
	cleanup_buf struct buf text = BUF_INIT(BINFMT_ENTRY_MAX_BYTES);
	struct err ignored; /* the code says it */
	int r = file_read(dir_fd, "status", &text, &ignored);

	if (r == 0)
		*ret = text.data && strncmp(text.data, "enabled", strlen("enabled")) == 0;
	return r;
}

static int add_entry(int dir_fd, const char *name, struct binfmt *b, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(BINFMT_ENTRY_MAX_BYTES);
	struct err ignored; /* it went away meanwhile, or is of a kind that we do not know */

	if (b->len % ENTRIES_STEP == 0) {
		struct binfmt_entry *more = reallocarray(b->items, b->len + ENTRIES_STEP, sizeof(*b->items));

		if (!more)
			return err_code(e, -ENOMEM, "cannot read '%s'", name);
		b->items = more;
	}
	if (file_read(dir_fd, name, &text, &ignored) == 0 && text.data &&
	    binfmt_entry_parse(name, text.data, text.len, &b->items[b->len], &ignored) == 0)
		b->len++;
	return 0;
}

static bool is_entry(const char *name)
{
	return name[0] != '.' && strcmp(name, "status") != 0 && strcmp(name, "register") != 0;
}

int binfmt_read(const char *dir, struct binfmt *ret, struct err *e)
{
	cleanup_binfmt struct binfmt b = { 0 };
	cleanup_dir DIR *d = opendir(dir);
	const struct dirent *entry;
	int r;

	if (!d && errno != ENOENT)
		return err_errno(e, "cannot open '%s'", dir);
	r = d ? read_status(dirfd(d), &b.enabled) : -ENOENT;
	if (r < 0 && r != -ENOENT)
		return err_code(e, r, "cannot read '%s/status'", dir);
	b.mounted = r == 0;
	r = 0;
	while (b.mounted && r == 0 && b.len < BINFMT_ENTRIES_MAX && (entry = readdir(d)))
		if (is_entry(entry->d_name))
			r = add_entry(dirfd(d), entry->d_name, &b, e);
	if (r < 0)
		return r;
	*ret = b;
	b = (struct binfmt){ 0 };
	return 0;
}

/* A kernel that has it has this file too. That it was turned off at boot (ia32_emulation=0) shows nowhere. */
static bool lacks_386(const struct machine *m)
{
	return m->cpu == MACHINE_AMD64 && access("/proc/sys/abi/vsyscall32", F_OK) < 0;
}

void binfmt_native(struct platform_list *ret)
{
	struct machine m;
	size_t kept = 0;

	machine_detect(&m);
	platform_list_for_machine(&m, ret);
	if (!lacks_386(&m))
		return;
	for (size_t i = 0; i < ret->len; i++)
		if (strcmp(ret->items[i].architecture, "386") != 0)
			ret->items[kept++] = ret->items[i];
	ret->len = kept;
}

int binfmt_can_run(const struct platform *p, enum binfmt_way *ret, char **ret_interpreter, struct err *e)
{
	cleanup_binfmt struct binfmt b = { 0 };
	cleanup_free char *interpreter = NULL;
	struct platform_list native;
	struct binfmt_answer a;
	int r;

	binfmt_native(&native);
	r = platform_rank(&native, p) < 0 ? binfmt_read(BINFMT_DIR, &b, e) : 0;
	if (r < 0)
		return r;
	a = binfmt_ask(&b, &native, p);
	if (a.way == BINFMT_EMULATED && !(interpreter = strdup(a.entry->interpreter)))
		return err_code(e, -ENOMEM, "cannot find out what runs %s", p->architecture);
	*ret = a.way;
	*ret_interpreter = ptr_take(interpreter);
	return 0;
}

/* --- interpreters --- */

/* The first is a link to the second under a name by which qemu knows that the flag P hands it the program's own argv[0]. */
bool binfmt_interpreter_find(const char *root, const struct binfmt_cpu *cpu, struct binfmt_interpreter *ret)
{
	static const struct {
		const char *before, *after, *flags;
	} PLACES[] = { { "/usr/libexec/qemu-binfmt/", "-binfmt-P", "POF" },
		       { "/usr/bin/qemu-", "-static", "F" } };

	for (size_t i = 0; i < ARRAY_LEN(PLACES); i++) {
		cleanup_free char *place = NULL;

		(void)snprintf(ret->path, sizeof(ret->path), "%s%s%s", PLACES[i].before, cpu->qemu,
			       PLACES[i].after);
		ret->flags = PLACES[i].flags;
		if (asprintf(&place, "%s%s", root, ret->path) < 0)
			place = NULL;
		if (place && access(place, X_OK) == 0)
			return true;
	}
	return false;
}

bool binfmt_same_file(const char *a, const char *b)
{
	struct stat first, second;

	return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* --- changes --- */

int binfmt_mount(const char *dir, struct err *e)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int fs;

	if (mount("binfmt_misc", dir, "binfmt_misc", flags, NULL) == 0)
		return 0;
	if (errno == ENOENT) { /* the module makes the mount point, and asking for the file system loads it */
		fs = fsopen("binfmt_misc", FSOPEN_CLOEXEC);
		if (fs >= 0)
			(void)close(fs);
		if (mount("binfmt_misc", dir, "binfmt_misc", flags, NULL) == 0)
			return 0;
	}
	if (errno == ENOENT || errno == ENODEV)
		return err_set(e, -EOPNOTSUPP,
			       "this kernel has no binfmt_misc (modprobe binfmt_misc, or build it with "
			       "CONFIG_BINFMT_MISC)");
	return err_errno(e, "cannot mount binfmt_misc at '%s'", dir);
}

static int open_dir(const char *dir, int *ret_fd, struct err *e)
{
	*ret_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_errno(e, "cannot open '%s'", dir) : 0;
}

int binfmt_register(const char *dir, const struct binfmt_cpu *cpu, const struct binfmt_interpreter *i,
		    struct err *e)
{
	cleanup_buf struct buf rule = BUF_INIT(BINFMT_PATH_MAX);
	cleanup_fd int fd = -1;
	int r = open_dir(dir, &fd, e);

	if (r == 0)
		r = binfmt_rule(cpu, i->path, i->flags, &rule, e);
	if (r < 0)
		return r;
	r = file_poke(fd, "register", rule.data);
	if (r == -EEXIST)
		return err_set(e, r, "'%s' is registered already", cpu->entry);
	return r < 0 ? err_code(e, r, "cannot register '%s'", i->path) : 0;
}

int binfmt_unregister(const char *dir, const char *name, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = open_dir(dir, &fd, e);

	if (r < 0)
		return r;
	r = file_poke(fd, name, "-1");
	if (r == -ENOENT)
		return err_set(e, r, "'%s' is not registered", name);
	return r < 0 ? err_code(e, r, "cannot remove '%s' from binfmt_misc", name) : 0;
}

#define CONF_NAME_MAX 64

static void conf_name(const struct binfmt_cpu *cpu, char out[CONF_NAME_MAX])
{
	(void)snprintf(out, CONF_NAME_MAX, "sampan-%s.conf", cpu->architecture);
}

int binfmt_persist(const char *dir, const struct binfmt_cpu *cpu, const struct binfmt_interpreter *i,
		   char **ret_path, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(BINFMT_ENTRY_MAX_BYTES);
	cleanup_fd int fd = -1;
	char name[CONF_NAME_MAX], *path = NULL;
	int r = buf_add_str(&text, "# Written by 'sampan binfmt install --persist', for systemd-binfmt.\n");

	if (r == 0)
		r = binfmt_rule(cpu, i->path, i->flags, &text, e);
	else
		(void)err_code(e, r, "cannot register '%s'", i->path);
	if (r == 0 && (r = buf_add_char(&text, '\n')) < 0)
		(void)err_code(e, r, "cannot register '%s'", i->path);
	if (r == 0)
		r = dir_make_open(AT_FDCWD, dir, 0755, &fd, e);
	conf_name(cpu, name);
	if (r == 0)
		r = file_write_durable(fd, name, text.data, text.len, 0644, e);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return err_code(e, -ENOMEM, "cannot name '%s'", name);
	*ret_path = path;
	return 0;
}

int binfmt_forget(const char *dir, const struct binfmt_cpu *cpu, struct err *e)
{
	cleanup_fd int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[CONF_NAME_MAX];

	conf_name(cpu, name);
	if (fd < 0 ? errno != ENOENT : unlinkat(fd, name, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove '%s/%s'", dir, name);
	return 0;
}
