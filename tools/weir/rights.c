#include "rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRY_BYTES_MAX ((size_t)1024 * 1024)

__attribute__((format(printf, 2, 3))) static int fail(char why[RIGHTS_WHY_MAX], const char *fmt,
                                                      ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, RIGHTS_WHY_MAX, fmt, ap);
    va_end(ap);
    return -1;
}

/* The user's number when it is written as one. (uid_t)-1 means "no change" to the kernel. */
static bool parse_uid(const char *text, uid_t *out)
{
    uint64_t n = 0;

    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        n = n * 10 + (uint64_t)(*p - '0');
        if (n >= UINT32_MAX)
            return false;
    }
    *out = (uid_t)n;
    return *text != '\0';
}

/* 0; *is_there says whether there is such a user. Or an errno. */
static int look_up(const char *user, bool is_number, uid_t uid, struct identity *out,
                   bool *is_there)
{
    char *memory = NULL;
    int err = ERANGE;

    *is_there = false;
    for (size_t n = 1024; err == ERANGE && n <= ENTRY_BYTES_MAX; n *= 2) {
        struct passwd entry, *found = NULL;
        char *grown = realloc(memory, n);

        if (!grown) {
            err = ENOMEM;
            break;
        }
        memory = grown;
        err = is_number ? getpwuid_r(uid, &entry, memory, n, &found)
                        : getpwnam_r(user, &entry, memory, n, &found);
        if (err != 0 || !found)
            continue;
        *is_there = true;
        out->uid = entry.pw_uid;
        out->gid = entry.pw_gid;
        if ((size_t)snprintf(out->name, sizeof out->name, "%s", entry.pw_name) >= sizeof out->name)
            err = ENAMETOOLONG;
    }
    free(memory);
    /* getpwnam_r(3): these mean that there is none, or no database to ask. */
    return err == ENOENT || err == ESRCH || err == EBADF || err == EPERM ? 0 : err;
}

int rights_find(const char *user, struct identity *out, char why[RIGHTS_WHY_MAX])
{
    uid_t uid = 0;
    bool is_there, is_number = parse_uid(user, &uid);
    int err;

    *out = (struct identity){.uid = uid, .gid = (gid_t)uid};
    err = look_up(user, is_number, uid, out, &is_there);
    if (err != 0)
        return fail(why, "cannot look up user \"%s\": %s", user, strerrordesc_np(err));
    if (!is_there && !is_number)
        return fail(why, "there is no user \"%s\" on this machine", user);
    return 0;
}

static bool is_that_user(const struct identity *id)
{
    uid_t real, effective, saved;

    return getresuid(&real, &effective, &saved) == 0 && real == id->uid && effective == id->uid &&
           saved == id->uid;
}

/* Of the calling thread, 1; cannot be told, -1. */
static int has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &header, sets) < 0)
        return -1;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if (sets[i].effective | sets[i].permitted)
            return 1;
    return 0;
}

/* A way back would make all of it worthless, so it is tried. */
static int verify(const struct identity *id, char why[RIGHTS_WHY_MAX])
{
    gid_t real, effective, saved;

    if (!is_that_user(id) || getresgid(&real, &effective, &saved) < 0 || real != id->gid ||
        effective != id->gid || saved != id->gid)
        return fail(why, "cannot become user %u: the system kept another", (unsigned)id->uid);
    if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
        return fail(why, "cannot become user %u: root could be had back", (unsigned)id->uid);
    /* Leaving 0 has cleared them, unless SECBIT_NO_SETUID_FIXUP keeps the kernel from it. */
    if (has_capabilities() != 0)
        return fail(why, "cannot become user %u: capabilities would stay", (unsigned)id->uid);
    return 0;
}

int rights_become(const struct identity *id, char why[RIGHTS_WHY_MAX])
{
    int err;

    if (is_that_user(id))
        return 0;
    if (geteuid() != 0)
        return fail(why,
                    "only root can become another user (uid %u), and this is user %u: start it as "
                    "root, or as that user",
                    (unsigned)id->uid, (unsigned)geteuid());
    /* Groups first: without root they cannot be changed. glibc does this in all threads. */
    err = id->name[0] ? initgroups(id->name, id->gid) : setgroups(0, NULL);
    if (err < 0)
        return fail(why, "cannot take the groups of user %u: %s", (unsigned)id->uid,
                    strerrordesc_np(errno));
    if (setresgid(id->gid, id->gid, id->gid) < 0 || setresuid(id->uid, id->uid, id->uid) < 0)
        return fail(why, "cannot become user %u: %s", (unsigned)id->uid, strerrordesc_np(errno));
    /*
     * The kernel has made the process not dumpable (PR_SET_DUMPABLE), and so it stays: other
     * processes of the user, and its core files, are not to show what was read as root. For cores
     * there is fs.suid_dumpable = 2. Of the environment nothing changes: HOME is not ours to say.
     */
    return verify(id, why);
}
