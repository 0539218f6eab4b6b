/* SPDX-License-Identifier: Apache-2.0 */
/* sampan-oci: the OCI runtime, with runc's command line. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/oci.h"
#include "cli/startup.h"
#include "cli/take_over.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_write.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "oci/runtime_spec.h"
#include "runtime/filtered_spec.h"
#include "runtime/state.h"

#define LOG_LINE_MAX    65536
#define NO_SUCH_COMMAND 3            /* runc's exit code */
#define DYNAMIC         "sampan-oci" /* in libexec */

struct command {
	const char *name;
	int (*run)(int argc, char **argv, const struct oci_globals *g);
	const char *summary;
};

/* A command that needs shared libraries whatever it is to do. NULL: not by this program. */
#define WITH_LIBRARIES(run) (PROGRAM_IS_STATIC ? NULL : (run))

static const struct command COMMANDS[] = {
	{ "create", oci_create, "Create a container" },
	{ "start", oci_start, "Start a created container" },
	{ "run", oci_run, "Create and start a container" },
	{ "state", oci_state, "Print the state of a container" },
	{ "exec", oci_exec, "Run a further process in a container" },
	{ "kill", oci_kill, "Send a signal to a container" },
	{ "delete", oci_delete, "Delete what is left of a container" },
	{ "list", oci_list, "List containers" },
	{ "pause", oci_pause, "Freeze the processes of a container" },
	{ "resume", oci_resume, "Let a paused container go on" },
	{ "checkpoint", WITH_LIBRARIES(oci_checkpoint), "Write a running container to disk with CRIU" },
	{ "restore", WITH_LIBRARIES(oci_restore), "Let a container go on that `checkpoint` wrote to disk" },
	{ "update", oci_update, "Change the limits of a container" },
	{ "events", oci_events, "Print stats and out-of-memory events" },
	{ "ps", oci_ps, "List the processes of a container" },
	{ "spec", oci_spec, "Write an example of a config.json" },
	{ "features", WITH_LIBRARIES(oci_features), "Print what this runtime can do" },
};

struct global_options {
	const char *root, *log, *log_format, *rootless, *criu;
	bool debug, systemd_cgroup, version;
};

#define GLOBAL(member) offsetof(struct global_options, member)
static const struct option_def OPTIONS[] = {
	{ "root", 0, OPTION_STRING, GLOBAL(root), "dir",
	  "Where the state of containers is (default " OCI_DEFAULT_ROOT ")" },
	{ "log", 0, OPTION_STRING, GLOBAL(log), "file", "Append errors to this file" },
	{ "log-format", 0, OPTION_STRING, GLOBAL(log_format), "format", "text or json (default text)" },
	{ "debug", 0, OPTION_BOOL, GLOBAL(debug), NULL, "Log more" },
	{ "criu", 0, OPTION_STRING, GLOBAL(criu), "path",
	  "The program for checkpoint and restore (default criu, from $PATH)" },
	{ "systemd-cgroup", 0, OPTION_BOOL, GLOBAL(systemd_cgroup), NULL, "Let systemd make the cgroup" },
	{ "rootless", 0, OPTION_STRING, GLOBAL(rootless), "mode",
	  "true, false or auto (told from the user)" },
	{ "version", 'v', OPTION_BOOL, GLOBAL(version), NULL, "Print the version" },
	{ 0 },
};

static const struct command_def SAMPAN_OCI = {
	.name = "sampan-oci",
	.usage = "[OPTIONS] COMMAND",
	.summary = "Run containers from OCI bundles",
	.options = OPTIONS,
	.options_first = true,
	.max_args = -1,
};

static int usage(int exit_code)
{
	FILE *out = exit_code ? stderr : stdout;

	(void)fprintf(out, "Usage:  %s %s\n\n%s\n\nCommands:\n", SAMPAN_OCI.name, SAMPAN_OCI.usage,
		      SAMPAN_OCI.summary);
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		(void)fprintf(out, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
	(void)fprintf(out, "\nOptions:\n");
	options_help_list(OPTIONS, out);
	return exit_code;
}

/* --- errors ---------------------------------------------------------------------------------------------- */

static int open_log(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
}

/* One line in logrus's form, which the callers of runc read. */
static void write_log_line(int fd, bool json, const char *level, const char *text)
{
	cleanup_json_out struct json_out *o = json_out_new(false, LOG_LINE_MAX);
	char time[TIMESTAMP_MAX];
	const char *line;
	struct err ignored;
	size_t len;

	timestamp_now(time);
	if (json) {
		json_out_object(o, NULL);
		json_out_string(o, "level", level);
		json_out_string(o, "msg", text);
		json_out_string(o, "time", time);
		json_out_end(o);
	} else {
		json_out_string(o, NULL, text); /* quoted as logrus does it */
	}
	if (json_out_finish(o, &line, &len, &ignored) < 0)
		return; /* the error itself is on stderr as well */
	if (json)
		(void)dprintf(fd, "%s\n", line);
	else
		(void)dprintf(fd, "time=\"%s\" level=%s msg=%s\n", time, level, line);
}

static void append_to_log(const struct oci_globals *g, const char *level, const char *text)
{
	cleanup_fd int fd = g->log ? open_log(g->log) : -1;

	if (fd >= 0)
		write_log_line(fd, g->log_json, level, text);
}

/* Returns where it cannot be executed. */
static void hand_over(void)
{
	struct err e;

	IGNORE_RESULT(take_over(DYNAMIC, &e));
	(void)fprintf(stderr, "sampan-oci: %s\n", e.text);
}

void oci_settle_program(const struct oci_globals *g, const char *id)
{
	cleanup_container_state struct container_state state = { 0 };
	struct err e;

	if (PROGRAM_IS_STATIC && container_state_read(g->root, id, &state, &e) == 0 && state.systemd_unit)
		hand_over();
}

int oci_fail(const struct oci_globals *g, const struct err *e)
{
	if (e->code == -ELIBACC && PROGRAM_IS_STATIC)
		hand_over();
	append_to_log(g, "error", e->text);
	(void)fprintf(stderr, "sampan-oci: %s\n", e->text);
	return 1;
}

void oci_warn(const struct oci_globals *g, const struct err *e)
{
	append_to_log(g, "warning", e->text);
	(void)fprintf(stderr, "sampan-oci: warning: %s\n", e->text);
}

void oci_debug(const struct oci_globals *g, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;
	int len;

	if (!g->debug)
		return;
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		text = NULL;
	else if (g->log)
		append_to_log(g, "debug", text);
	else
		write_log_line(STDERR_FILENO, g->log_json, "debug", text);
}

int oci_print_json(struct json_out *o, struct err *e)
{
	const char *text;
	size_t len;
	int r = json_out_finish(o, &text, &len, e);

	if (r < 0)
		return r;
	if (fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0)
		return err_errno(e, "cannot write to stdout");
	return 0;
}

bool oci_options(const struct oci_globals *g, const struct command_def *c, int argc, char **argv, void *dest,
		 int *ret_argc, int *ret_exit)
{
	struct command_def command = *c;
	struct err e;
	int r;

	command.go_dashes = true;
	r = options_parse(&command, argc, argv, dest, ret_argc, &e);
	if (r == OPTIONS_HELP) {
		options_help(c, stdout);
		*ret_exit = fflush(stdout) == 0 ? 0 : 1;
		return false;
	}
	if (r == 0 && (*ret_argc < c->min_args || (c->max_args >= 0 && *ret_argc > c->max_args)))
		r = err_set(&e, -EINVAL, "'%s' takes %d argument%s, not %d", c->name, c->min_args,
			    c->min_args == 1 ? "" : "s", *ret_argc);
	if (r < 0) {
		*ret_exit = oci_fail(g, &e);
		return false;
	}
	return true;
}

/* --- main ------------------------------------------------------------------------------------------------ */

static int print_version(void)
{
	(void)printf("sampan-oci version " SAMPAN_VERSION "\nspec: " SPEC_VERSION_MAX "\n");
	return fflush(stdout) == 0 ? 0 : 1;
}

static int run_command(const struct command *c, int argc, char **argv, const struct oci_globals *g)
{
	int64_t begin_ms = g->debug ? monotonic_ms() : 0;
	int exit_code;

	if (PROGRAM_IS_STATIC && (!c->run || g->systemd_cgroup))
		hand_over();
	if (!c->run)
		return 1;
	oci_debug(g, "%s: sampan-oci %s, state in '%s'%s", c->name, SAMPAN_VERSION, g->root,
		  g->systemd_cgroup ? ", cgroups by systemd" : "");
	exit_code = c->run(argc, argv, g);
	if (g->debug)
		oci_debug(g, "%s: exit code %d after %lld ms", c->name, exit_code,
			  (long long)(monotonic_ms() - begin_ms));
	return exit_code;
}

static int dispatch(int argc, char **argv, const struct oci_globals *g)
{
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, argv[0]) == 0)
			return run_command(&COMMANDS[i], argc, argv, g);
	(void)err_set(&e, -EINVAL, "unknown command '%s' (see sampan-oci --help)", argv[0]);
	(void)oci_fail(g, &e);
	return NO_SUCH_COMMAND;
}

/* "help [COMMAND]": what "COMMAND --help" says. */
static int help(int count, char **argv, const struct oci_globals *g)
{
	char flag[] = "--help";
	char *command[] = { argv[1], flag, NULL };

	return count < 2 ? usage(0) : dispatch(2, command, g);
}

/* For static programs of ours (runtime/filtered_spec.c), not for people: the filter of the config.json on standard input is compiled and kept, if it can be. */
static int keep_filter(const struct oci_globals *g)
{
	cleanup_filtered_spec struct filtered_spec config = { 0 };
	cleanup_buf struct buf text = BUF_INIT(SPEC_MAX_BYTES);
	struct err e;

	return read_fd(STDIN_FILENO, &text, &e) == 0 && filtered_spec_decode(g->root, &text, &config, &e) == 0
		       ? 0
		       : 1;
}

/* Those who may not write below /run: users, and root of a user namespace who is not called so. */
static bool has_runtime_dir(const char *runtime_dir)
{
	const char *user;

	if (!runtime_dir || runtime_dir[0] != '/')
		return false;
	if (geteuid() != 0)
		return true;
	user = getenv("USER");
	return (!user || strcmp(user, "root") != 0) && process_in_user_namespace();
}

/* $XDG_RUNTIME_DIR/sampan-oci where runc would take that directory. The sticky bit keeps it from those who clean up there: XDG
 * Base Directory Specification. */
static char *default_root(void)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	char *root = NULL;

	if (!has_runtime_dir(runtime_dir))
		return strdup(OCI_DEFAULT_ROOT);
	if (asprintf(&root, "%s/sampan-oci", runtime_dir) < 0)
		return NULL;
	(void)mkdir(root, 01700); /* where that fails, whatever is to be done there says why */
	return root;
}

static char *absolute(const char *path)
{
	cleanup_free char *here = NULL;
	char *joined = NULL;

	if (path[0] == '/')
		return strdup(path);
	here = getcwd(NULL, 0);
	return here && asprintf(&joined, "%s/%s", here, path) >= 0 ? joined : NULL;
}

/* Go's booleans, or "auto": as "true" where something is not permitted. -EINVAL. */
static int read_rootless(const char *mode, bool *ret_false)
{
	static const char *const TRUE[] = { "auto", "1", "t", "T", "true", "TRUE", "True", "" };
	static const char *const FALSE[] = { "0", "f", "F", "false", "FALSE", "False" };

	*ret_false = false;
	for (size_t i = 0; mode && i < ARRAY_LEN(FALSE); i++)
		if (strcmp(mode, FALSE[i]) == 0)
			*ret_false = true;
	for (size_t i = 0; mode && !*ret_false; i++) {
		if (i == ARRAY_LEN(TRUE))
			return -EINVAL;
		if (strcmp(mode, TRUE[i]) == 0)
			break;
	}
	return 0;
}

/* *ret_root is the absolute path of the state directory, owned. */
static int read_globals(const struct global_options *o, struct oci_globals *ret, char **ret_root,
			struct err *e)
{
	*ret = (struct oci_globals){
		.log = o->log, .criu = o->criu, .debug = o->debug, .systemd_cgroup = o->systemd_cgroup
	};
	if (o->log_format) {
		ret->log_json = strcmp(o->log_format, "json") == 0;
		if (!ret->log_json && strcmp(o->log_format, "text") != 0)
			return err_set(e, -EINVAL, "unknown log format '%s'", o->log_format);
	}
	if (read_rootless(o->rootless, &ret->not_rootless) < 0)
		return err_set(e, -EINVAL, "unknown mode of --rootless '%s' (true, false or auto)",
			       o->rootless);
	if (o->log) {
		/* Whoever gives it finds it there, errors or not. */
		cleanup_fd int fd = open_log(o->log);

		if (fd < 0) {
			ret->log = NULL;
			return err_errno(e, "cannot open log '%s'", o->log);
		}
	}
	*ret_root = o->root ? absolute(o->root) : default_root();
	ret->root = *ret_root;
	return ret->root ? 0 : err_errno(e, "state directory '%s'", o->root ? o->root : OCI_DEFAULT_ROOT);
}

int main(int argc, char **argv)
{
	struct global_options o = { 0 };
	struct oci_globals g = { 0 };
	cleanup_free char *root = NULL;
	struct err e;
	int exit_code, count;

	if (startup_fill_streams() < 0)
		return 1;
	if (!oci_options(&g, &SAMPAN_OCI, argc, argv, &o, &count, &exit_code))
		return exit_code;
	if (o.version)
		return print_version();
	if (count == 0)
		return usage(0);
	if (read_globals(&o, &g, &root, &e) < 0)
		return oci_fail(&g, &e);
	if (!PROGRAM_IS_STATIC && strcmp(argv[1], "keep-filter") == 0)
		return keep_filter(&g);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "h") == 0)
		return help(count, argv + 1, &g);
	startup_end(dispatch(count, argv + 1, &g));
}
