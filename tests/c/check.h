/* What the test programs share. Each is compiled as C99 and as C++17, and gets
 * the URL of a server (tests/c_api.rs) as its argument. */
#ifndef CHECK_H
#define CHECK_H

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wsc.h>

/* Nothing these programs wait for takes longer, under valgrind on a busy machine. */
enum { LIMIT_S = 100, LIMIT_MS = LIMIT_S * 1000 };

#define CHECK(condition) \
    check((condition) ? 1 : 0, #condition, __FILE__, __LINE__)

static inline void check(int holds, const char *condition, const char *file, int line)
{
    if (!holds) {
        fprintf(stderr, "%s:%d: %s\n", file, line, condition);
        abort();
    }
}

#define CHECK_STATUS(call, expected) check_status((call), (expected), #call, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_STATUS(call, WSC_OK)

static inline void check_status(wsc_status_t status, wsc_status_t expected, const char *call,
                                const char *file, int line)
{
    if (status != expected) {
        fprintf(stderr, "%s:%d: %s: %s\n", file, line, call, wsc_status_str((int32_t)status));
        abort();
    }
}

/* The server's URL. A program that hangs is ended by SIGALRM. */
static inline const char *server(int argc, char **argv)
{
    CHECK(argc == 2);
    alarm(LIMIT_S);
    return argv[1];
}

static inline wsc_loop_t *new_loop(wsc_callbacks_t callbacks)
{
    wsc_loop_t *loop = NULL;
    CHECK_OK(wsc_loop_new((int32_t)callbacks, &loop));
    CHECK(loop != NULL);
    return loop;
}

static inline wsc_conn_t *new_conn(wsc_loop_t *loop, const char *url)
{
    wsc_conn_t *conn = NULL;
    CHECK_OK(wsc_conn_new(loop, url, &conn));
    CHECK(conn != NULL);
    return conn;
}

static inline int is_text(const wsc_event_t *event, const char *text)
{
    return event->len == strlen(text) && memcmp(event->data, text, event->len) == 0;
}

static inline void send_text(wsc_conn_t *conn, const char *text)
{
    CHECK_OK(wsc_conn_send_text(conn, text, strlen(text)));
}

static inline void close_normally(wsc_conn_t *conn)
{
    CHECK_OK(wsc_conn_close(conn, 1000, "bye", 3));
}

/* A flag that one thread raises and another waits for. */
struct flag {
    pthread_mutex_t lock;
    pthread_cond_t raised;
    int is_up;
};

static inline void flag_init(struct flag *flag)
{
    CHECK(pthread_mutex_init(&flag->lock, NULL) == 0);
    CHECK(pthread_cond_init(&flag->raised, NULL) == 0);
    flag->is_up = 0;
}

static inline void flag_raise(struct flag *flag)
{
    CHECK(pthread_mutex_lock(&flag->lock) == 0);
    flag->is_up = 1;
    CHECK(pthread_cond_broadcast(&flag->raised) == 0);
    CHECK(pthread_mutex_unlock(&flag->lock) == 0);
}

/* Waits, and lowers the flag again. */
static inline void flag_take(struct flag *flag)
{
    CHECK(pthread_mutex_lock(&flag->lock) == 0);
    while (!flag->is_up) {
        CHECK(pthread_cond_wait(&flag->raised, &flag->lock) == 0);
    }
    flag->is_up = 0;
    CHECK(pthread_mutex_unlock(&flag->lock) == 0);
}

static inline void flag_destroy(struct flag *flag)
{
    CHECK(pthread_cond_destroy(&flag->raised) == 0);
    CHECK(pthread_mutex_destroy(&flag->lock) == 0);
}

/* How many entries a directory has. */
static inline int entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = -2; /* "." and ".." */

    CHECK(directory != NULL);
    while (readdir(directory) != NULL) {
        count += 1;
    }
    CHECK(closedir(directory) == 0);
    return count;
}

/* Whether a thread of the library runs; a sanitizer may have one, too. */
static inline int has_library_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    struct dirent *entry;
    int found = 0;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        char path[300];
        char name[5] = "";
        FILE *file;

        CHECK(snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name) > 0);
        file = fopen(path, "r");
        if (file != NULL) { /* else it has ended */
            found |= fgets(name, sizeof name, file) != NULL && strcmp(name, "wsc-") == 0;
            CHECK(fclose(file) == 0);
        }
    }
    CHECK(closedir(directory) == 0);
    return found;
}

/* A thread that freed its own loop ends a moment later; nobody can join it. */
static inline void await_other_threads(void)
{
    while (has_library_threads()) {
        CHECK(sched_yield() == 0);
    }
}

#endif
