/*
 * A host with an epoll loop of its own: a timer of the host's sends a message at
 * each tick; events are taken in batches, without callbacks.
 *
 *     epoll_loop ws://host:port/path
 *
 * After three messages have come back it closes and ends.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <wsc.h>

enum { TICK_MS = 20, WANTED = 3, BATCH = 64 };

struct host {
    wsc_loop_t *loop;
    wsc_conn_t *ws;
    int timer;
    int epoll;
    int received;
    bool is_closed;
    bool failed;
};

static bool ok(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
    }
    return status == WSC_OK;
}

/* With more than one connection, `conn_id` tells which one an event is for. */
static void handle(struct host *host, const wsc_event_t *event)
{
    switch (event->type) {
    case WSC_EVENT_MESSAGE:
        printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
        host->received += 1;
        if (host->received == WANTED) {
            ok(wsc_conn_close(host->ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
        }
        break;
    case WSC_EVENT_ERROR:
        fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
        host->failed = true;
        break;
    case WSC_EVENT_CLOSE:
        host->is_closed = true;
        break;
    default: /* later versions may have more types */
        break;
    }
}

/* One batch. The fd stays readable while there is more, and the other
 * descriptors get their turn in between. */
static bool take_events(struct host *host)
{
    static wsc_event_t events[BATCH];
    size_t count = 0;
    size_t at;
    if (!ok(wsc_loop_poll(host->loop, events, BATCH, 0, &count), "wsc_loop_poll")) {
        return false;
    }
    for (at = 0; at < count; at += 1) {
        handle(host, &events[at]);
    }
    return true;
}

static void tick(struct host *host)
{
    uint64_t ticks = 0;
    if (read(host->timer, &ticks, sizeof ticks) == (ssize_t)sizeof ticks
        && wsc_conn_state(host->ws) == WSC_STATE_OPEN && host->received < WANTED) {
        ok(wsc_conn_send_text(host->ws, "tick", strlen("tick")), "wsc_conn_send_text");
    }
}

static bool watch(const struct host *host, int fd)
{
    struct epoll_event watched = {0};
    watched.events = EPOLLIN; /* level-triggered */
    watched.data.fd = fd;
    return epoll_ctl(host->epoll, EPOLL_CTL_ADD, fd, &watched) == 0;
}

static bool start(struct host *host, const char *url)
{
    const struct itimerspec interval = {{0, TICK_MS * 1000000L}, {0, TICK_MS * 1000000L}};
    return ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &host->loop), "wsc_loop_new")
        && ok(wsc_conn_new(host->loop, url, &host->ws), url)
        && ok(wsc_conn_connect(host->ws), "wsc_conn_connect")
        && (host->epoll = epoll_create1(EPOLL_CLOEXEC)) >= 0
        && (host->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) >= 0
        && timerfd_settime(host->timer, 0, &interval, NULL) == 0
        && watch(host, host->timer)
        && watch(host, wsc_loop_fd(host->loop));
}

static void run(struct host *host)
{
    struct epoll_event ready[2];
    while (!host->is_closed) {
        int count = epoll_wait(host->epoll, ready, 2, -1);
        int at;
        if (count < 0) {
            perror("epoll_wait");
            return;
        }
        for (at = 0; at < count; at += 1) {
            if (ready[at].data.fd == host->timer) {
                tick(host);
            } else if (!take_events(host)) {
                return;
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct host host = {NULL, NULL, -1, -1, 0, false, false};
    if (argc != 2) {
        fprintf(stderr, "usage: %s ws://host:port/path\n", argv[0]);
        return 1;
    }
    if (start(&host, argv[1])) {
        run(&host);
    }
    close(host.timer);
    close(host.epoll);
    wsc_conn_free(host.ws);
    wsc_loop_free(host.loop);
    return host.is_closed && !host.failed && host.received >= WANTED ? 0 : 1;
}
