/* SPDX-License-Identifier: Apache-2.0 */
/* What BuildKit writes into the history, which prints values as Go's fmt package does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/plan_parts.h"
#include "common/cleanup.h"
#include "common/utf8.h"

#define COMMENT   "buildkit.dockerfile.v0"

#define NS_PER_US 1000
#define NS_PER_MS 1000000
#define NS_PER_S  1000000000
#define S_PER_H   3600

int plan_history(struct plan_state *s, const char *created_by, bool has_layer, struct err *e)
{
	struct image_config *c = &s->out->config;
	int r = plan_charge(s->p, strlen(created_by), e);
	struct image_history *items, *h;

	if (r < 0)
		return r;
	items = reallocarray(c->history, c->history_len + 1, sizeof(*items));
	if (!items)
		return plan_no_memory(e);
	c->history = items;
	h = &items[c->history_len++];
	*h = (struct image_history){ .created_by = strdup(created_by),
				     .comment = strdup(COMMENT),
				     .empty_layer = !has_layer };
	if (s->p->created)
		h->created = strdup(s->p->created);
	if (!h->created_by || !h->comment || (s->p->created && !h->created))
		return plan_no_memory(e);
	return 0;
}

static int add_escaped(struct buf *out, unsigned char c)
{
	static const char FROM[] = "\a\b\f\n\r\t\v\"\\", TO[] = "abfnrtv\"\\";
	const char *known = c ? strchr(FROM, c) : NULL;

	if (known)
		return buf_printf(out, "\\%c", TO[known - FROM]);
	if (c < ' ' || c >= 0x7f)
		return buf_printf(out, "\\x%02x", c);
	return buf_add_char(out, (char)c);
}

/* Go's strconv.Quote. */
static int add_quoted(struct buf *out, const char *text)
{
	size_t len = strlen(text);
	int r = buf_add_char(out, '"');

	while (r == 0 && len > 0) {
		size_t n = utf8_char_len(text, len);

		r = n > 1 ? buf_add(out, text, n) : add_escaped(out, (unsigned char)*text);
		text += n > 1 ? n : 1;
		len -= n > 1 ? n : 1;
	}
	return r < 0 ? r : buf_add_char(out, '"');
}

static int add_list(struct buf *out, const struct strvec *list, bool quoted)
{
	int r = buf_add_char(out, '[');

	for (size_t i = 0; r == 0 && i < list->len; i++) {
		if (i > 0)
			r = buf_add_char(out, ' ');
		if (r == 0)
			r = quoted ? add_quoted(out, list->items[i]) : buf_add_str(out, list->items[i]);
	}
	return r < 0 ? r : buf_add_char(out, ']');
}

int plan_history_list(struct plan_state *s, const char *name, const struct strvec *list, bool quoted,
		      struct err *e)
{
	cleanup_buf struct buf out = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	int r = buf_printf(&out, "%s ", name);

	if (r == 0)
		r = add_list(&out, list, quoted);
	if (r < 0)
		return err_code(e, r, "cannot write the history");
	return plan_history(s, out.data, false, e);
}

/* `ns` in units of ten to the power of `digits` of them, with as much of a fraction as there is. */
static int add_decimal(struct buf *out, uint64_t ns, int digits, const char *name)
{
	char fraction[sizeof("123456789")] = "";
	uint64_t unit = 1;
	size_t len;
	int r;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	r = buf_printf(out, "%llu", (unsigned long long)(ns / unit));
	if (digits > 0)
		(void)snprintf(fraction, sizeof(fraction), "%0*u", digits,
			       (unsigned int)(ns % unit)); /* fits */
	len = strlen(fraction);
	while (len > 0 && fraction[len - 1] == '0')
		fraction[--len] = '\0';
	if (r == 0 && len > 0)
		r = buf_printf(out, ".%s", fraction);
	return r < 0 ? r : buf_add_str(out, name);
}

/* Go's time.Duration.String: "1h0m5s", "1.5s", "20ms". */
static int add_duration(struct buf *out, const char *name, int64_t ns)
{
	uint64_t n = (uint64_t)ns, seconds = n / NS_PER_S;
	int r = buf_printf(out, " %s:", name);

	if (r < 0)
		return r;
	if (n == 0)
		return buf_add_str(out, "0s");
	if (n < NS_PER_US)
		return add_decimal(out, n, 0, "ns");
	if (n < NS_PER_MS)
		return add_decimal(out, n, 3, "\xc2\xb5s");
	if (n < NS_PER_S)
		return add_decimal(out, n, 6, "ms");
	if (seconds >= S_PER_H)
		r = buf_printf(out, "%lluh", (unsigned long long)(seconds / S_PER_H));
	if (r == 0 && seconds >= 60)
		r = buf_printf(out, "%llum", (unsigned long long)(seconds % S_PER_H / 60));
	return r < 0 ? r : add_decimal(out, n % (60ULL * NS_PER_S), 9, "s");
}

int plan_history_health(struct plan_state *s, const struct image_healthcheck *h, struct err *e)
{
	cleanup_buf struct buf out = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	const struct {
		const char *name;
		int64_t ns;
	} TIMES[] = { { "Interval", h->interval_ns },
		      { "Timeout", h->timeout_ns },
		      { "StartPeriod", h->start_period_ns },
		      { "StartInterval", h->start_interval_ns } };
	int r = buf_add_str(&out, "HEALTHCHECK {Test:");

	if (r == 0)
		r = add_list(&out, &h->test, false);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(TIMES); i++)
		r = add_duration(&out, TIMES[i].name, TIMES[i].ns);
	if (r == 0)
		r = buf_printf(&out, " Retries:%lld}", (long long)h->retries);
	if (r < 0)
		return err_code(e, r, "cannot write the history");
	return plan_history(s, out.data, false, e);
}
