/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/doctor.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "engine/doctor_lines.h"

#define LINES_STEP 16
#define TEXT_MAX   1024 /* bytes of a line */

#if defined(__aarch64__)
#define HAS_ATOMICS ((getauxval(AT_HWCAP) & (1UL << 8)) != 0) /* HWCAP_ATOMICS */
#else
#define HAS_ATOMICS false
#endif

const char *doctor_level_name(enum doctor_level l)
{
	return l == DOCTOR_OK ? "ok" : l == DOCTOR_WARNING ? "warning" : "missing";
}

void doctor_report_done(struct doctor_report *r)
{
	for (size_t i = 0; i < r->len; i++) {
		free(r->lines[i].text);
		free(r->lines[i].cure);
	}
	free(r->lines);
	*r = (struct doctor_report){ 0 };
}

enum doctor_level doctor_worst(const struct doctor_report *r)
{
	enum doctor_level worst = DOCTOR_OK;

	for (size_t i = 0; i < r->len; i++)
		if (r->lines[i].level > worst)
			worst = r->lines[i].level;
	return worst;
}

/* --- lines ---------------------------------------------------------------------------------------------- */

static struct doctor_line *new_line(struct doctor_report *r)
{
	if (r->len % LINES_STEP == 0) {
		struct doctor_line *more = reallocarray(r->lines, r->len + LINES_STEP, sizeof(*more));

		if (!more)
			return NULL;
		r->lines = more;
	}
	return &r->lines[r->len];
}

void doctor_add(struct doctor_report *r, enum doctor_level level, const char *topic, const char *cure,
		const char *fmt, ...)
{
	struct doctor_line *line = r->out_of_memory ? NULL : new_line(r);
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* longer ones are cut short */
	va_end(ap);
	if (line) {
		*line = (struct doctor_line){ topic, level, strdup(text), cure ? strdup(cure) : NULL };
		r->len++;
	}
	r->out_of_memory = !line || !line->text || (cure && !line->cure);
}

char *doctor_read(const struct doctor_host *h, const char *path)
{
	struct buf text = BUF_INIT(DOCTOR_TEXT_MAX);
	struct err ignored;

	if (file_read(h->root_fd, path, &text, &ignored) < 0 || buf_add_str(&text, "") < 0) {
		buf_done(&text);
		return NULL;
	}
	return text.data ? text.data : strdup("");
}

bool doctor_has(const struct doctor_host *h, const char *path)
{
	return faccessat(h->root_fd, path, F_OK, 0) == 0;
}

bool doctor_has_line(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t line_len = strcspn(line, "\n");
		const char *at = line + line_len - len;

		if (line_len >= len && memcmp(at, word, len) == 0 &&
		    (line_len == len || at[-1] == ' ' || at[-1] == '\t'))
			return true;
	}
	return false;
}

/* --- the machine ---------------------------------------------------------------------------------------- */

static void find_user(struct doctor_host *h)
{
	const struct passwd *entry = getpwuid(h->uid);

	if (entry)
		(void)snprintf(h->user, sizeof(h->user), "%s", entry->pw_name);
}

int doctor_host_here(const char *store_root, struct doctor_host *ret, struct err *e)
{
	struct doctor_host h = { .store_root = store_root,
				 .page_bytes = sysconf(_SC_PAGESIZE),
				 .atomics = HAS_ATOMICS,
				 .uid = geteuid(),
				 .now_s = time(NULL) };
	struct timex clock = { 0 };
	struct utsname host;

	h.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h.root_fd < 0)
		return err_errno(e, "cannot open '/'");
	machine_detect(&h.machine);
	(void)uname(&host); /* cannot fail with a valid pointer */
	(void)snprintf(h.kernel, sizeof(h.kernel), "%s", host.release);
	h.clock_synchronised = adjtimex(&clock) >= 0 && !(clock.status & STA_UNSYNC);
	find_user(&h);
	*ret = h;
	return 0;
}

void doctor_host_done(struct doctor_host *h)
{
	if (h->root_fd >= 0)
		(void)close(h->root_fd); /* O_PATH: nothing can be lost */
	h->root_fd = -1;
}

int doctor_examine(const struct doctor_host *h, struct doctor_report *ret, struct err *e)
{
	cleanup_doctor_report struct doctor_report r = { 0 };

	doctor_examine_kernel(h, &r);
	doctor_examine_cgroups(h, &r);
	doctor_examine_cpu(h, &r);
	doctor_examine_users(h, &r);
	doctor_examine_store(h, &r);
	if (h->litmus_ms > 0)
		doctor_examine_memory_order(h, &r);
	if (r.out_of_memory)
		return err_code(e, -ENOMEM, "cannot examine this machine");
	*ret = r;
	r = (struct doctor_report){ 0 };
	return 0;
}
