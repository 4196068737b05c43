/* Loaded before a child's own libraries (LD_PRELOAD): has it die, fail or tear a write at a chosen
 * call to the file system, and shifts its clock. Nothing in the product knows of it.
 *
 * CHAOS_RULES  lines of "op|glob|nth|before or after|action": the nth (0: every, -n: every nth) call of the
 *              operation on a path that fits. Operations: create, write, sync, name (rename or
 *              link, by its new name), remove, folder. Actions: kill, tear (write half, then
 *              kill), an errno's number.
 * CHAOS_ROOT   a folder: globs are of paths below it, others do not count; * stops at a slash.
 * CHAOS_GATE   a file: the rules hold only while it is there.
 * CHAOS_CLOCK  a file of 8 bytes, nanoseconds that are added to the wall clock.
 * CHAOS_TRACE  a file to which "op path" of every call is appended.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { RULES = 32, TEXT = 512, TEAR = -2, KILL = -1 };

struct rule {
    char op[16], glob[TEXT];
    long nth, seen;
    int after, action;
};

static struct rule rules[RULES];
static int count, trace = -1;
static const char *gate, *root = "/";
static const volatile int64_t *shift;

#define REAL(name)                   \
    static __typeof__(name) *real;   \
    if (!real) real = dlsym(RTLD_NEXT, #name)

static void die(int number) {
    (void)number;
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int action_of(const char *text) {
    if (!strcmp(text, "kill")) return KILL;
    return strcmp(text, "tear") ? atoi(text) : TEAR;
}

static void add(const char *line) {
    char when[16], action[16];
    struct rule *rule = &rules[count];
    if (count < RULES && sscanf(line, "%15[^|]|%511[^|]|%ld|%15[^|]|%15s", rule->op, rule->glob,
                                &rule->nth, when, action) == 5) {
        rule->after = !strcmp(when, "after");
        rule->action = action_of(action);
        count++;
    }
}

static void read_rules(const char *text) {
    char *copy = strdup(text), *rest = copy, *line;
    while ((line = strsep(&rest, "\n"))) add(line);
    free(copy);
}

static const int64_t *mapped(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    void *found = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    return found == MAP_FAILED ? NULL : found;
}

__attribute__((constructor)) static void start(void) {
    const char *text;
    signal(SIGUSR1, die); /* faulthandler writes the stacks first, then comes here */
    gate = getenv("CHAOS_GATE");
    if ((text = getenv("CHAOS_ROOT"))) root = text;
    if ((text = getenv("CHAOS_CLOCK"))) shift = mapped(text);
    if ((text = getenv("CHAOS_TRACE")))
        trace = open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if ((text = getenv("CHAOS_RULES"))) read_rules(text);
}

static int holds(struct rule *rule, const char *op, const char *path, int after) {
    if (rule->after != after || strcmp(rule->op, op) || fnmatch(rule->glob, path, FNM_PATHNAME)) return 0;
    if (gate && access(gate, F_OK)) return 0;
    long seen = __atomic_add_fetch(&rule->seen, 1, __ATOMIC_SEQ_CST);
    return rule->nth > 0 ? seen == rule->nth : !rule->nth || seen % -rule->nth == 0;
}

static void note(const char *op, const char *path) {
    static ssize_t (*real)(int, const void *, size_t);
    char line[TEXT + 32];
    if (!real) real = dlsym(RTLD_NEXT, "write");
    int length = snprintf(line, sizeof line, "%s %s\n", op, path);
    if (real(trace, line, (size_t)length) < 0) return;
}

/* Return what a call is to do instead: 0 go on, TEAR, or an errno. A killed one does not return. */
static int meet(const char *op, const char *path, int after) {
    int saved = errno, found = 0;
    size_t length = strlen(root);
    if (strncmp(path, root, length)) return 0;
    path += length + (path[length] == '/');
    if (trace >= 0 && after) note(op, path);
    for (int each = 0; each < count && !found; each++)
        if (holds(&rules[each], op, path, after)) found = rules[each].action;
    if (found == KILL) {
        raise(SIGUSR1);
        die(0);
    }
    errno = saved;
    return found;
}

static const char *path_of(int file, char *buffer) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, buffer, TEXT - 1);
    buffer[length < 0 ? 0 : length] = 0;
    return buffer;
}

#define IDLE (!count && trace < 0)

#define CALLED(result, op, path, call)                       \
    do {                                                     \
        if (IDLE) return call;                               \
        int wrong = meet(op, path, 0);                       \
        if (wrong > 0) return errno = wrong, (result)-1;     \
        result done = call;                                  \
        if (done >= 0) meet(op, path, 1);                    \
        return done;                                         \
    } while (0)

int rename(const char *old, const char *new) {
    REAL(rename);
    CALLED(int, "name", new, real(old, new));
}

int renameat(int a, const char *old, int b, const char *new) {
    REAL(renameat);
    CALLED(int, "name", new, real(a, old, b, new));
}

int link(const char *old, const char *new) {
    REAL(link);
    CALLED(int, "name", new, real(old, new));
}

int linkat(int a, const char *old, int b, const char *new, int flags) {
    REAL(linkat);
    CALLED(int, "name", new, real(a, old, b, new, flags));
}

int unlink(const char *path) {
    REAL(unlink);
    CALLED(int, "remove", path, real(path));
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    CALLED(int, "remove", path, real(folder, path, flags));
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    CALLED(int, "folder", path, real(path, mode));
}

int fsync(int file) {
    char path[TEXT];
    REAL(fsync);
    CALLED(int, "sync", path_of(file, path), real(file));
}

int fdatasync(int file) {
    char path[TEXT];
    REAL(fdatasync);
    CALLED(int, "sync", path_of(file, path), real(file));
}

#define OPENED(name)                                                          \
    int name(const char *path, int flags, ...) {                              \
        va_list more;                                                         \
        va_start(more, flags);                                                \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                         \
        REAL(name); \
        if (!(flags & O_CREAT)) return real(path, flags, mode);               \
        CALLED(int, "create", path, real(path, flags, mode));                 \
    }

#define OPENED_AT(name)                                                       \
    int name(int folder, const char *path, int flags, ...) {                  \
        va_list more;                                                         \
        va_start(more, flags);                                                \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                         \
        REAL(name); \
        if (!(flags & O_CREAT)) return real(folder, path, flags, mode);       \
        CALLED(int, "create", path, real(folder, path, flags, mode));         \
    }

OPENED(open)
OPENED(open64)
OPENED_AT(openat)
OPENED_AT(openat64)

#define WRITTEN(name, more, ...)                                              \
    ssize_t name(int file, const void *data, size_t size __VA_ARGS__) {       \
        char path[TEXT];                                                      \
        REAL(name); \
        if (IDLE) return real(file, data, size more);                         \
        int wrong = meet("write", path_of(file, path), 0);                    \
        if (wrong == TEAR) {                                                  \
            if (real(file, data, size / 2 more) >= 0) raise(SIGUSR1);         \
            die(0);                                                           \
        }                                                                     \
        if (wrong > 0) return errno = wrong, -1;                              \
        ssize_t done = real(file, data, size more);                           \
        if (done >= 0) meet("write", path, 1);                                \
        return done;                                                          \
    }

#define COMMA ,
WRITTEN(write, )
WRITTEN(pwrite, COMMA at, , off_t at)
WRITTEN(pwrite64, COMMA at, , off64_t at)

ssize_t writev(int file, const struct iovec *parts, int number) {
    char path[TEXT];
    REAL(writev);
    CALLED(ssize_t, "write", path_of(file, path), real(file, parts, number));
}

static int64_t shifted(clockid_t clock) {
    return shift && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) ? *shift : 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int done = real(clock, time);
    int64_t more = done ? 0 : shifted(clock), whole = time->tv_nsec + more % 1000000000;
    if (more) {
        time->tv_sec += more / 1000000000 + (whole >= 1000000000) - (whole < 0);
        time->tv_nsec = (whole + 1000000000) % 1000000000;
    }
    return done;
}

int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    (void)zone;
    int done = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return done;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}
