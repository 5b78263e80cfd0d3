/* Every call that takes something of the system, a descriptor, a thread, memory of the
 * kernel, fails once: the library says so, unless it does as well without, leaves nothing
 * behind, and goes on when the system gives again. This program's functions stand before those of the C library. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static int until_failure; /* how many calls from now fails; 0 and less for none */
static int failures;

static int fails(int error)
{
    if (__atomic_fetch_sub(&until_failure, 1, __ATOMIC_SEQ_CST) != 1) {
        return 0;
    }
    __atomic_fetch_add(&failures, 1, __ATOMIC_SEQ_CST);
    errno = error;
    return 1;
}

/* The C library's function of that name; a cast would not be ISO C. */
#define REAL(pointer, name)                         \
    do {                                            \
        void *found = dlsym(RTLD_NEXT, name);       \
        CHECK(found != NULL);                       \
        memcpy(&(pointer), &found, sizeof found);   \
    } while (0)

#ifdef __cplusplus
extern "C" {
#endif

int socket(int domain, int type, int protocol)
{
    int (*real)(int, int, int);
    REAL(real, "socket");
    return fails(EMFILE) ? -1 : real(domain, type, protocol);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    int (*real)(int, __CONST_SOCKADDR_ARG, socklen_t);
    REAL(real, "connect");
    return fails(ENOBUFS) ? -1 : real(fd, address, size);
}

int eventfd(unsigned count, int flags)
{
    int (*real)(unsigned, int);
    REAL(real, "eventfd");
    return fails(EMFILE) ? -1 : real(count, flags);
}

int timerfd_create(clockid_t clock, int flags)
{
    int (*real)(clockid_t, int);
    REAL(real, "timerfd_create");
    return fails(ENFILE) ? -1 : real(clock, flags);
}

int epoll_create1(int flags)
{
    int (*real)(int);
    REAL(real, "epoll_create1");
    return fails(EMFILE) ? -1 : real(flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    int (*real)(int, int, int, struct epoll_event *);
    REAL(real, "epoll_ctl");
    /* Taking away needs nothing. */
    return operation != EPOLL_CTL_DEL && fails(ENOSPC) ? -1 : real(epoll, operation, fd, event);
}

/* The library duplicates descriptors with it. */
int fcntl(int fd, int command, ...)
{
    int (*real)(int, int, long);
    va_list arguments;
    long argument;

    va_start(arguments, command);
    argument = va_arg(arguments, long);
    va_end(arguments);
    REAL(real, "fcntl");
    return command == F_DUPFD_CLOEXEC && fails(EMFILE) ? -1 : real(fd, command, argument);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    REAL(real, "getaddrinfo");
    return fails(ENOMEM) ? EAI_MEMORY : real(name, service, hints, result);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    REAL(real, "pthread_create");
    return fails(EAGAIN) ? EAGAIN : real(thread, attributes, run, argument);
}

#ifdef __cplusplus
}
#endif

struct host {
    int messages;
    int errors;
    struct flag closed;
};

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;

    switch (event->type) {
    case WSC_EVENT_HANDSHAKE: send_text(conn, "hello"); break;
    case WSC_EVENT_MESSAGE:
        CHECK(is_text(event, "hello"));
        host->messages += 1;
        close_normally(conn);
        break;
    case WSC_EVENT_ERROR:
        /* A resolver that has no memory is a resolver that does not answer. */
        CHECK_STATUS(event->status == WSC_ERR_DNS ? WSC_ERR_SYSTEM : (wsc_status_t)event->status,
                     WSC_ERR_SYSTEM);
        CHECK(event->len > 0);
        host->errors += 1;
        break;
    case WSC_EVENT_CLOSE: flag_raise(&host->closed); break;
    default: break;
    }
}

/* One attempt; whether it led to an answer. */
static int attempt(wsc_callbacks_t mode, wsc_loop_t *loop, wsc_conn_t *conn, struct host *host)
{
    wsc_status_t status;

    host->messages = host->errors = 0; /* the loop's own thread tells at any time from here */
    status = wsc_conn_connect(conn);
    if (status != WSC_OK) {
        CHECK(status == WSC_ERR_SYSTEM);
        return 0;
    }
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        CHECK_OK(wsc_loop_run(loop));
        CHECK(host->closed.is_up);
    }
    flag_take(&host->closed);
    CHECK(host->messages + host->errors == 1);
    return host->messages;
}

/* Whether a call failed. */
static int fail_at(int call, wsc_callbacks_t mode, const char *url)
{
    struct host host;
    wsc_loop_t *loop = NULL;
    wsc_conn_t *conn = NULL;
    wsc_status_t status;
    int works = 1;

    memset(&host, 0, sizeof host);
    flag_init(&host.closed);
    __atomic_store_n(&failures, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&until_failure, call, __ATOMIC_SEQ_CST);
    status = wsc_loop_new((int32_t)mode, &loop);
    if (status != WSC_OK) {
        CHECK(status == WSC_ERR_SYSTEM && loop == NULL);
        works = 0;
        loop = new_loop(mode);
    }
    if (mode == WSC_CALLBACKS_ON_DISPATCH && wsc_loop_fd(loop) < 0) {
        works = 0;
        CHECK(wsc_loop_fd(loop) >= 0);
    }
    conn = new_conn(loop, url);
    CHECK_OK(wsc_conn_on_handshake(conn, on_event, &host));
    CHECK_OK(wsc_conn_on_message(conn, on_event, &host));
    CHECK_OK(wsc_conn_on_error(conn, on_event, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_event, &host));
    works &= attempt(mode, loop, conn, &host);
    /* Where the system gave an address it may have given another. */
    CHECK(works || __atomic_load_n(&failures, __ATOMIC_SEQ_CST) == 1);
    __atomic_store_n(&until_failure, 0, __ATOMIC_SEQ_CST);
    CHECK(attempt(mode, loop, conn, &host));
    wsc_conn_free(conn);
    wsc_loop_free(loop);
    flag_destroy(&host.closed);
    return __atomic_load_n(&failures, __ATOMIC_SEQ_CST);
}

static int fail_each(wsc_callbacks_t mode, const char *url)
{
    int call = 1;
    int descriptors;

    CHECK(!fail_at(0, mode, url)); /* what stays for good is there now */
    descriptors = entries("/proc/self/fd");
    while (fail_at(call, mode, url)) {
        await_other_threads();
        CHECK(entries("/proc/self/fd") == descriptors);
        call += 1;
    }
    return call - 1;
}

int main(int argc, char **argv)
{
    const char *port = strrchr(server(argc, argv), ':');
    char url[64];

    CHECK(port != NULL);
    /* A name, so that a resolver is asked. */
    CHECK(snprintf(url, sizeof url, "ws://localhost%s", port) < (int)sizeof url);
    CHECK(fail_each(WSC_CALLBACKS_ON_DISPATCH, url) > 10);
    CHECK(fail_each(WSC_CALLBACKS_ON_THREAD, url) > 10);
    return 0;
}
