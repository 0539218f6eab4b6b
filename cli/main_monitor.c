/* SPDX-License-Identifier: Apache-2.0 */
/* sampan-monitor: not for people; `sampan` starts one for each container (engine/monitor.h). */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"
#include "common/parse.h"
#include "common/process.h"
#include "engine/monitor_program.h"

#define EXIT_USAGE     125
#define AWAIT_ARGS_MAX 16

struct options {
	const char *id;
	const char *name, *image, *log_driver, *log_tag;
	struct strvec log_options, log_attributes;
	struct restart_policy restart;
	struct opt_i64 stop_signal, stop_timeout, client, launcher, interval, timeout, start_period,
		start_interval, retries;
	int action, sdnotify;
	bool tty, interactive, remove;
};

static int set_restart(const char *text, void *member, struct err *e)
{
	return restart_policy_parse(text, member, e);
}

static int set_action(const char *text, void *member, struct err *e)
{
	return health_action_parse(text, member, e);
}

static int set_sdnotify(const char *text, void *member, struct err *e)
{
	return notify_mode_parse(text, member, e);
}

#define OPT(m) offsetof(struct options, m)
static const struct option_def OPTIONS[] = {
	{ "client", 0, OPTION_I64, OPT(client), "int",
	  "What the client wants that is attached from the start on" },
	{ "health-interval", 0, OPTION_I64, OPT(interval), "ns", "From one health check to the next" },
	{ "health-on-failure", 0, OPTION_CALL, OPT(action), "string", "What is done when it is unhealthy",
	  set_action },
	{ "health-retries", 0, OPTION_I64, OPT(retries), "int", "Failures in a row that make it unhealthy" },
	{ "health-start-interval", 0, OPTION_I64, OPT(start_interval), "ns", "The same in the start period" },
	{ "health-start-period", 0, OPTION_I64, OPT(start_period), "ns", "How long failures do not count" },
	{ "health-timeout", 0, OPTION_I64, OPT(timeout), "ns", "When a check is given up" },
	{ "id", 0, OPTION_STRING, OPT(id), "string", "The container's" },
	{ "image", 0, OPTION_STRING, OPT(image), "string", "The name of its image" },
	{ "interactive", 0, OPTION_BOOL, OPT(interactive), NULL, "It has a stdin" },
	{ "launcher", 0, OPTION_I64, OPT(launcher), "pid", "The process that makes the first start" },
	{ "log-attribute", 0, OPTION_LIST, OPT(log_attributes), "key=value",
	  "What each record of its log has" },
	{ "log-driver", 0, OPTION_STRING, OPT(log_driver), "string", "Where its output goes" },
	{ "log-opt", 0, OPTION_LIST, OPT(log_options), "key=value", "How" },
	{ "log-tag", 0, OPTION_STRING, OPT(log_tag), "string", "What its records are called" },
	{ "name", 0, OPTION_STRING, OPT(name), "string", "Its name" },
	{ "restart", 0, OPTION_CALL, OPT(restart), "string", "The restart policy", set_restart },
	{ "rm", 0, OPTION_BOOL, OPT(remove), NULL, "Remove the container when it has ended" },
	{ "sdnotify", 0, OPTION_CALL, OPT(sdnotify), "string", "Who tells the service manager that it is up",
	  set_sdnotify },
	{ "stop-signal", 0, OPTION_I64, OPT(stop_signal), "int", "The number of the signal that ends it" },
	{ "stop-timeout", 0, OPTION_I64, OPT(stop_timeout), "seconds", "When SIGKILL follows; -1: never" },
	{ "tty", 0, OPTION_BOOL, OPT(tty), NULL, "It has a terminal" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan-monitor",
	.usage = "[OPTIONS] SAMPAN [ARG...]",
	.summary = "Look after one container (started by sampan)",
	.options = OPTIONS,
	.options_first = true,
	.min_args = 1,
	.max_args = -1,
};

/* Of an ordinary user's containers: engine/rootless.h. */
static _Noreturn void keep_namespaces(void)
{
	for (;;)
		(void)pause();
}

/* "--await PID PROGRAM ARG...", of a detached exec (cli/exec_detach.h): when our child PID has ended, becomes PROGRAM, with its exit code as one more
 * argument. */
static int await(int argc, char **argv)
{
	char code[16], *args[AWAIT_ARGS_MAX + 2];
	int64_t pid;
	int status, len = argc - 3;

	if (len > AWAIT_ARGS_MAX || parse_i64(argv[2], 1, INT32_MAX, &pid) < 0)
		return EXIT_USAGE;
	while (waitpid((pid_t)pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_USAGE;
	(void)snprintf(code, sizeof(code), "%d", process_exit_code(status));
	for (int i = 0; i < len; i++)
		args[i] = argv[3 + i];
	args[len] = code;
	args[len + 1] = NULL;
	(void)execv(args[0], args);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct options o = { .stop_signal = { .value = 15 }, .stop_timeout = { .value = 10 } };
	struct monitor_config config;
	struct err e = { 0 };
	int n = 0, r;

	if (argc == 2 && strcmp(argv[1], "--keep-namespaces") == 0)
		keep_namespaces();
	if (argc > 3 && strcmp(argv[1], "--await") == 0)
		return await(argc, argv);
	r = options_parse(&COMMAND, argc, argv, &o, &n, &e);

	if (r == OPTIONS_HELP) {
		options_help(&COMMAND, stdout);
		return 0;
	}
	if (r < 0 || !o.id || n < 1) {
		(void)fprintf(stderr, "sampan-monitor: %s\n", r < 0 ? e.text : "this is for sampan to call");
		return EXIT_USAGE;
	}
	config = (struct monitor_config){
		.id = o.id,
		.restart = o.restart,
		.stop_signal = (int)o.stop_signal.value,
		.stop_timeout_s = o.stop_timeout.value,
		.tty = o.tty,
		.interactive = o.interactive,
		.stdin_once = o.client.set,
		.auto_remove = o.remove,
		.log = { .container_id = o.id,
			 .container_name = o.name,
			 .image_name = o.image,
			 .tag = o.log_tag,
			 .attributes = (const char *const *)o.log_attributes.items },
		.health = { .set = o.interval.set,
			    .interval_ns = o.interval.value,
			    .timeout_ns = o.timeout.value,
			    .start_period_ns = o.start_period.value,
			    .start_interval_ns = o.start_interval.value,
			    .retries = (uint32_t)o.retries.value,
			    .action = o.action },
		.sdnotify = o.sdnotify,
		.launcher = (pid_t)o.launcher.value,
		.client_wants = (int32_t)o.client.value,
		.sampan = argv + 1,
		.sampan_len = (size_t)n,
	};
	r = log_config_parse(o.log_driver, &o.log_options, &config.log, &e);
	if (r < 0) {
		(void)fprintf(stderr, "sampan-monitor: %s\n", e.text);
		return EXIT_USAGE;
	}
	return monitor_main(&config);
}
