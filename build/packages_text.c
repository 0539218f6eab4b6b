/* SPDX-License-Identifier: Apache-2.0 */
/* What the databases say. deb-control(5), and the same of apk with names of one letter: paragraphs of "Name: value", which an empty line ends. */
#include <stdlib.h>
#include <string.h>

#include "build/packages.h"
#include "common/cleanup.h"

/* A part of a text; data is NULL where there is none. */
struct part {
	const char *data;
	size_t len;
};

struct paragraph {
	struct part name, version, architecture, status;
};

/* The next line without its end; false: there is none. */
static bool next_line(struct part *rest, struct part *ret)
{
	const char *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	ret->data = rest->data;
	ret->len = end ? (size_t)(end - rest->data) : rest->len;
	rest->data += ret->len + (end ? 1 : 0);
	rest->len -= ret->len + (end ? 1 : 0);
	if (ret->len > 0 && ret->data[ret->len - 1] == '\r')
		ret->len--;
	return true;
}

static struct part trimmed(struct part p)
{
	while (p.len > 0 && (*p.data == ' ' || *p.data == '\t')) {
		p.data++;
		p.len--;
	}
	while (p.len > 0 && (p.data[p.len - 1] == ' ' || p.data[p.len - 1] == '\t'))
		p.len--;
	return p;
}

/* Whether a line is the field `name`; its value. Field names know no case. */
static bool is_field(const struct part *line, const char *name, struct part *ret)
{
	size_t len = strlen(name);

	if (line->len <= len || line->data[len] != ':' || strncasecmp(line->data, name, len) != 0)
		return false;
	*ret = trimmed((struct part){ line->data + len + 1, line->len - len - 1 });
	return true;
}

/* What can stand in a document: short, and of printable characters without blanks. */
static bool is_sane(const struct part *p)
{
	if (p->len > PACKAGES_FIELD_MAX)
		return false;
	for (size_t i = 0; i < p->len; i++)
		if ((unsigned char)p->data[i] <= ' ' || (unsigned char)p->data[i] >= 0x7f)
			return false;
	return true;
}

static char *copy(const struct part *p)
{
	return strndup(p->data ? p->data : "", p->len);
}

static int add(struct packages *p, enum package_kind kind, const struct paragraph *from)
{
	struct package *item;

	if (from->name.len == 0 || !is_sane(&from->name) || !is_sane(&from->version) ||
	    !is_sane(&from->architecture))
		return 0;
	if (p->len == PACKAGES_MAX)
		return -EFBIG;
	if (p->len == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct package *grown = reallocarray(p->items, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->items = grown;
		p->cap = cap;
	}
	item = &p->items[p->len++];
	*item = (struct package){ .kind = kind,
				  .name = copy(&from->name),
				  .version = copy(&from->version),
				  .architecture = copy(&from->architecture) };
	return item->name && item->version && item->architecture ? 0 : -ENOMEM;
}

/* "install ok installed": what is wanted, whether that is well, and what there is. */
static bool is_installed(const struct part *status)
{
	static const char END[] = " installed";
	size_t len = sizeof(END) - 1;

	return status->len > len && memcmp(status->data + status->len - len, END, len) == 0;
}

static void take_dpkg(struct paragraph *to, const struct part *line)
{
	if (!is_field(line, "Package", &to->name) && !is_field(line, "Version", &to->version) &&
	    !is_field(line, "Architecture", &to->architecture))
		(void)is_field(line, "Status", &to->status); /* or another one */
}

static int end_dpkg(struct packages *p, struct paragraph *paragraph, bool with_status)
{
	bool counts = with_status ? is_installed(&paragraph->status)
				  : !paragraph->status.data || is_installed(&paragraph->status);
	int r = counts ? add(p, PACKAGE_DEB, paragraph) : 0;

	*paragraph = (struct paragraph){ 0 };
	return r;
}

int packages_add_dpkg(struct packages *p, const char *text, size_t len, bool with_status)
{
	struct part rest = { text, len }, line;
	struct paragraph paragraph = { 0 };
	int r = 0;

	while (r == 0 && next_line(&rest, &line)) {
		if (line.len == 0)
			r = end_dpkg(p, &paragraph, with_status);
		else
			take_dpkg(&paragraph, &line);
	}
	return r < 0 ? r : end_dpkg(p, &paragraph, with_status);
}

/* Here case tells fields apart: "P" is the package, "p" what it provides. */
static void take_apk(struct paragraph *to, const struct part *line)
{
	struct part *field;

	if (line->len < 2 || line->data[1] != ':')
		return;
	field = *line->data == 'P'   ? &to->name
		: *line->data == 'V' ? &to->version
		: *line->data == 'A' ? &to->architecture
				     : NULL;
	if (field)
		*field = trimmed((struct part){ line->data + 2, line->len - 2 });
}

int packages_add_apk(struct packages *p, const char *text, size_t len)
{
	struct part rest = { text, len }, line;
	struct paragraph paragraph = { 0 };
	int r = 0;

	while (r == 0 && next_line(&rest, &line)) {
		if (line.len > 0) {
			take_apk(&paragraph, &line);
			continue;
		}
		r = add(p, PACKAGE_APK, &paragraph);
		paragraph = (struct paragraph){ 0 };
	}
	return r < 0 ? r : add(p, PACKAGE_APK, &paragraph);
}

/* --- os-release(5) ---------------------------------------------------------------------------------------- */

static bool is_variable(const struct part *line, const char *name, struct part *ret)
{
	size_t len = strlen(name);

	if (line->len <= len || line->data[len] != '=' || strncmp(line->data, name, len) != 0)
		return false;
	*ret = trimmed((struct part){ line->data + len + 1, line->len - len - 1 });
	if (ret->len >= 2 && (*ret->data == '"' || *ret->data == '\'') &&
	    ret->data[ret->len - 1] == *ret->data) {
		ret->data++;
		ret->len -= 2;
	}
	return ret->len > 0 && is_sane(ret);
}

static int set(char **member, const struct part *value)
{
	free(*member);
	*member = copy(value);
	return *member ? 0 : -ENOMEM;
}

int packages_read_os_release(struct packages *p, const char *text, size_t len)
{
	struct part rest = { text, len }, line, value;
	int r = 0;

	while (r == 0 && next_line(&rest, &line)) {
		if (is_variable(&line, "ID", &value))
			r = set(&p->distro_id, &value);
		else if (is_variable(&line, "VERSION_ID", &value))
			r = set(&p->distro_version, &value);
	}
	return r;
}
