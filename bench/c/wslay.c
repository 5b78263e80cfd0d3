/*
 * wslay's event interface over a blocking socket. wslay knows neither sockets nor
 * the upgrade.
 */
#include <errno.h>
#include <sys/random.h>
#include <wslay/wslay.h>

#include "socket.h"

static int fd;
static bool received, finished;
static wslay_event_context_ptr context;

static void queue(long number)
{
    struct wslay_event_msg message = {WSLAY_BINARY_FRAME, (const uint8_t *)bench_payload(number),
                                      (size_t)bench.size};
    if (wslay_event_queue_msg(context, &message) || wslay_event_send(context))
        bench_fail("send", "failed");
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *user)
{
    ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | (flags & WSLAY_MSG_MORE ? MSG_MORE : 0));
    (void)user;
    if (sent < 0)
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    return sent;
}

/* Waits for the first bytes; wslay goes on reading until it is told that none are left. */
static ssize_t on_receive(wslay_event_context_ptr ctx, uint8_t *data, size_t len, int flags, void *user)
{
    ssize_t got = recv(fd, data, len, received ? MSG_DONTWAIT : 0);
    (void)flags, (void)user;
    if (got > 0)
        return got;
    wslay_event_set_error(ctx, got < 0 && errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK
                                                          : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *mask, size_t len, void *user)
{
    static uint8_t pool[4096];
    static size_t used = sizeof pool;
    (void)ctx, (void)user;
    if (used + len > sizeof pool) {
        if (getrandom(pool, sizeof pool, 0) != sizeof pool)
            return -1;
        used = 0;
    }
    memcpy(mask, pool + used, len);
    used += len;
    return 0;
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    (void)ctx, (void)user;
    received = true;
    if (finished)
        return;
    if (bench_is(BENCH_SEND)) {
        bench_stop();
        finished = true;
        return;
    }
    bench_check(message->msg_length);
    finished = bench_step();
}

int main(void)
{
    struct wslay_event_callbacks callbacks = {
        .recv_callback = on_receive,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_message,
    };
    long i;
    bench_init();
    fd = bench_connect();
    if (wslay_event_context_client_init(&context, &callbacks, NULL))
        bench_fail("wslay", "has no memory");
    if (bench_is(BENCH_SEND))
        for (i = 0; i < bench_total(); i++) {
            if (i == bench.warmup)
                bench_start();
            queue(i);
        }
    for (i = 0; bench_is(BENCH_ECHO) && i < bench.depth; i++)
        queue(i);
    while (!finished) {
        long before = bench.done;
        received = false;
        if (wslay_event_recv(context))
            bench_fail("receive", "failed");
        for (i = before; bench_is(BENCH_ECHO) && !finished && i < bench.done; i++)
            queue(i);
    }
    bench_report();
    return 0;
}
