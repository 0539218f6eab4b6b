/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container_name.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "store/internal.h"

#define PLAIN_ATTEMPTS 10

static const char *const BOATS[] = {
	"ark",     "barge",     "bark",     "brig",     "canoe",   "caravel", "carrack", "catboat",
	"clipper", "cog",       "coracle",  "corvette", "cutter",  "dhow",    "dinghy",  "dory",
	"felucca", "ferry",     "flatboat", "frigate",  "galley",  "gondola", "gunter",  "hoy",
	"jangada", "junk",      "kayak",    "keelboat", "ketch",   "launch",  "lighter", "lugger",
	"nao",     "outrigger", "packet",   "pinnace",  "pirogue", "polacca", "pontoon", "proa",
	"punt",    "raft",      "sampan",   "schooner", "scow",    "shallop", "skiff",   "skipjack",
	"sloop",   "smack",     "snow",     "tanker",   "tartane", "tender",  "trawler", "trimaran",
	"tug",     "umiak",     "wherry",   "whaler",   "xebec",   "yacht",   "yawl",    "zabra",
};

static const char *const RIVERS[] = {
	"aare",    "adige",     "amazon",    "amur",   "ardeche", "arno",    "avon",     "clyde",
	"congo",   "danube",    "dnieper",   "don",    "douro",   "drava",   "drina",    "ebro",
	"elbe",    "euphrates", "fraser",    "ganges", "garonne", "gauja",   "guadiana", "hudson",
	"indus",   "inn",       "irtysh",    "isar",   "jordan",  "kama",    "kolyma",   "lena",
	"limpopo", "loire",     "mackenzie", "main",   "maritsa", "mekong",  "meuse",    "mosel",
	"murray",  "narva",     "neva",      "niger",  "nile",    "ob",      "oder",     "orinoco",
	"parana",  "po",        "rhine",     "rhone",  "salween", "sava",    "seine",    "severn",
	"tagus",   "thames",    "tiber",     "tigris", "ural",    "vistula", "volga",    "yukon",
};

bool container_name_ok(const char *name)
{
	static const char REST[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t len = strlen(name);

	return len >= 2 && len <= CONTAINER_NAME_MAX && strspn(name, REST) == len && !strchr("_.-", name[0]);
}

char *container_name_random(unsigned int attempt)
{
	unsigned int random[2];
	char *name;
	int n;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return NULL;
	n = asprintf(&name, "%s_%s", BOATS[random[0] % ARRAY_LEN(BOATS)],
		     RIVERS[random[1] % ARRAY_LEN(RIVERS)]);
	if (n >= 0 && attempt >= PLAIN_ATTEMPTS) {
		cleanup_free char *plain = name;

		n = asprintf(&name, "%s%u", plain, random[0] / 4096 % 100000);
	}
	return n < 0 ? NULL : name;
}

int container_name_lock(const struct store *s, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = store_open_dir(s, "container-names", &fd, e);

	if (r < 0)
		return r;
	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(e, "cannot lock the names of containers");
	*ret_fd = fd_take(&fd);
	return 0;
}

static int read_link(int dir_fd, const char *path, char ret[CONTAINER_ID_LEN + 1])
{
	ssize_t n = readlinkat(dir_fd, path, ret, CONTAINER_ID_LEN + 1);

	if (n < 0)
		return -errno;
	if (n != CONTAINER_ID_LEN)
		return -ENOENT;
	ret[n] = '\0';
	return store_key_ok(ret) ? 0 : -ENOENT;
}

int container_name_claim(const struct store *s, int names_fd, const char *name, const char *id, struct err *e)
{
	char holder[CONTAINER_ID_LEN + 1];

	if (symlinkat(id, names_fd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return err_errno(e, "cannot keep the container name '%s'", name);
	if (read_link(names_fd, name, holder) == 0 && store_has(s, "containers", holder))
		return err_set(e, -EEXIST, "the container name '%s' is already in use by container %.12s",
			       name, holder);
	if (unlinkat(names_fd, name, 0) < 0 || symlinkat(id, names_fd, name) < 0)
		return err_errno(e, "cannot keep the container name '%s'", name);
	return 0;
}

void container_name_release(int names_fd, const char *name, const char *id)
{
	char holder[CONTAINER_ID_LEN + 1];

	if (read_link(names_fd, name, holder) == 0 && strcmp(holder, id) == 0)
		(void)unlinkat(names_fd, name, 0); /* a link to nothing is as good as none */
}

int container_name_resolve(const struct store *s, const char *name, char ret[CONTAINER_ID_LEN + 1])
{
	char path[SUBPATH_MAX];

	if (!container_name_ok(name))
		return -ENOENT;
	(void)snprintf(path, sizeof(path), "container-names/%s", name);
	return read_link(s->root_fd, path, ret);
}
