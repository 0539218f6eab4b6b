/* SPDX-License-Identifier: Apache-2.0 */
/* sampan __complete WORD...: what the last of the words, which are those behind "sampan", may become; a line each. For the scripts of `sampan completion`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/complete_values.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"

#define HELP_MAX_BYTES 262144
#define DEPTH_MAX      4 /* words of a command's name */
#define SELF           "/proc/self/exe"

struct line {
	struct cli_globals g; /* --root and --state-dir as they are on the line */
	char **words;
	size_t len; /* with the word that is being typed, which is the last */
	char *path[DEPTH_MAX];
	size_t depth; /* words of the command's name so far */
	size_t arguments;
	bool no_options;                 /* any more, in front of the last word */
	const struct help_entry *option; /* that the last word is the value of */
	struct help_text help;           /* of the command so far */
	struct buf text;                 /* that `help` points into */
};

/* --- --help of the command so far ------------------------------------------------------------------------------ */

static void run_help(const struct line *l, int out_fd) __attribute__((noreturn));

static void run_help(const struct line *l, int out_fd)
{
	char self[] = "sampan", flag[] = "--help";
	char *argv[DEPTH_MAX + 3] = { self };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < l->depth; i++)
		argv[i + 1] = l->path[i];
	argv[l->depth + 1] = flag;
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0 &&
	    dup2(out_fd, STDOUT_FILENO) >= 0)
		(void)execv(SELF, argv);
	_exit(CLI_EXIT_SAMPAN);
}

static int read_help(struct line *l)
{
	cleanup_fd int read_end = -1, write_end = -1;
	struct err ignored; /* without its words the line has no candidates */
	int pair[2], r;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	read_end = pair[0];
	write_end = pair[1];
	pid = fork();
	if (pid == 0)
		run_help(l, write_end);
	if (pid < 0)
		return -errno;
	(void)close(fd_take(&write_end)); /* the child's */
	buf_clear(&l->text);
	r = read_fd(read_end, &l->text, &ignored);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && !l->text.data)
		r = buf_add_str(&l->text, ""); /* help_text_read needs a text */
	if (r == 0)
		help_text_read(l->text.data, &l->help);
	return r;
}

/* --- the words in front ---------------------------------------------------------------------------------------- */

static void keep_global(struct line *l, const struct help_entry *option, const char *value)
{
	if (l->depth > 0 || value[0] != '/')
		return;
	if (strcmp(option->name, "root") == 0)
		l->g.root = value;
	else if (strcmp(option->name, "state-dir") == 0)
		l->g.state_dir = value;
}

/* An option, and its value where that is the next word; *i is then moved. */
static void walk_option(struct line *l, size_t *i)
{
	const char *word = l->words[*i];
	const struct help_entry *option = help_text_option(&l->help, word);
	const char *equals = strchr(word, '=');
	bool attached = word[1] != '-' && option && word[strlen(word) - 1] != option->letter; /* -eNAME */

	if (!option || !option->value)
		return;
	if (word[1] == '-' && equals) {
		keep_global(l, option, equals + 1);
		return;
	}
	if (attached)
		return;
	if (++*i == l->len - 1)
		l->option = option;
	else
		keep_global(l, option, l->words[*i]);
}

static int walk_argument(struct line *l, char *word)
{
	if (l->help.commands_len > 0) {
		if (l->depth == DEPTH_MAX || !help_text_command(&l->help, word))
			return -ENOENT;
		l->path[l->depth++] = word;
		return read_help(l);
	}
	l->arguments++;
	l->no_options = l->no_options || help_text_options_first(&l->help);
	return 0;
}

static int walk(struct line *l)
{
	int r = read_help(l);

	for (size_t i = 0; r == 0 && i + 1 < l->len; i++) {
		char *word = l->words[i];

		if (l->no_options || word[0] != '-' || !word[1])
			r = walk_argument(l, word);
		else if (strcmp(word, "--") == 0)
			l->no_options = true;
		else
			walk_option(l, &i);
	}
	return r;
}

/* --- the last word ----------------------------------------------------------------------------------------------- */

static int add_entries(const struct help_entry *items, size_t len, const char *before, struct strvec *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++)
		r = strvec_addf(out, "%s%s\t%s", before, items[i].name, items[i].summary);
	return r;
}

static int collect(const struct line *l, struct strvec *out)
{
	const char *word = l->words[l->len - 1];
	const char *equals = strchr(word, '=');

	if (l->option)
		return complete_option_value(&l->g, &l->help, l->option, out);
	if (word[0] == '-' && !l->no_options) {
		const struct help_entry *option = equals ? help_text_option(&l->help, word) : NULL;

		if (option)
			return complete_option_value(&l->g, &l->help, option, out);
		return add_entries(l->help.options, l->help.options_len, "--", out);
	}
	if (l->help.commands_len > 0)
		return add_entries(l->help.commands, l->help.commands_len, "", out);
	if (l->arguments > 0 && help_text_options_first(&l->help))
		return strvec_add(out, COMPLETE_FILES); /* another program's */
	return complete_argument(&l->g, &l->help, l->arguments, out);
}

static void print(const struct line *l, const struct strvec *found)
{
	const char *word = l->words[l->len - 1], *before = "";
	const char *equals = strchr(word, '=');
	size_t before_len = 0;

	/* "--network=br": what is in front of the value belongs to the word */
	if (!l->option && !l->no_options && word[0] == '-' && equals) {
		before = word;
		before_len = (size_t)(equals + 1 - word);
		word = equals + 1;
	}
	for (size_t i = 0; i < found->len; i++) {
		const char *item = found->items[i];

		if (item[0] == ':')
			(void)puts(item);
		else if (strncmp(item, word, strlen(word)) == 0)
			(void)printf("%.*s%s\n", (int)before_len, before, item);
	}
}

int cmd_complete(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_strvec struct strvec found = { 0 };
	struct line l = { .g = *g,
			  .words = argv + 1,
			  .len = argc > 1 ? (size_t)(argc - 1) : 0,
			  .text = BUF_INIT(HELP_MAX_BYTES) };
	int r = 0;

	if (l.len > 0)
		r = walk(&l);
	if (r == 0 && l.len > 0)
		r = collect(&l, &found);
	if (r == 0 && l.len > 0)
		print(&l, &found);
	buf_done(&l.text);
	return cli_end_output(r < 0 && r != -ENOENT ? CLI_EXIT_FAILED : 0);
}
