/*
 * A host with a poll(2) loop of its own: lines of the standard input are sent,
 * what comes in is printed.
 *
 *     poll_loop ws://host:port/path
 *
 * At the end of the input it waits for as many messages as it sent lines, closes
 * and ends. For a chat without an echo, end it with Ctrl-C.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <wsc.h>

struct host {
    int sent;
    int received;
    bool is_input_over;
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

static void close_when_done(wsc_conn_t *ws, const struct host *host)
{
    if (host->is_input_over && host->received == host->sent && !host->is_closed) {
        ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
    }
}

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct host *host = userdata;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    host->received += 1;
    close_when_done(ws, host);
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws;
    ((struct host *)userdata)->failed = true;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
}

static void on_close(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)event;
    ((struct host *)userdata)->is_closed = true;
}

/* One read, so that poll decides when to come again. A line that was read in
 * parts goes as one message; what is too long for the buffer goes in pieces. */
static void read_input(wsc_conn_t *ws, struct host *host)
{
    static char buffer[4096];
    static size_t used;
    char *line = buffer;
    char *end;
    ssize_t count = read(STDIN_FILENO, buffer + used, sizeof buffer - used);

    if (count > 0) {
        used += (size_t)count;
    } else {
        host->is_input_over = true;
    }
    while ((end = memchr(line, '\n', used - (size_t)(line - buffer))) != NULL
           || (line == buffer && used == sizeof buffer)) {
        size_t len = end != NULL ? (size_t)(end - line) : used;
        if (ok(wsc_conn_send_text(ws, line, len), "wsc_conn_send_text")) {
            host->sent += 1;
        }
        line += end != NULL ? len + 1 : len;
    }
    used -= (size_t)(line - buffer);
    memmove(buffer, line, used);
    close_when_done(ws, host);
}

static void run(wsc_loop_t *loop, wsc_conn_t *ws, struct host *host)
{
    /* poll takes a negative descriptor for none. */
    struct pollfd watched[2] = {{-1, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    watched[0].fd = wsc_loop_fd(loop);

    while (!host->is_closed) {
        watched[1].fd = host->is_input_over ? -1 : STDIN_FILENO;
        /* No timeout for the library's sake: its timers make the fd readable. */
        if (poll(watched, 2, -1) < 0) {
            perror("poll");
            return;
        }
        if (watched[0].revents != 0 && !ok(wsc_loop_dispatch(loop, 0), "wsc_loop_dispatch")) {
            return;
        }
        if (watched[1].revents != 0 && !host->is_closed) {
            read_input(ws, host);
        }
    }
}

int main(int argc, char **argv)
{
    struct host host = {0, 0, false, false, false};
    wsc_loop_t *loop = NULL;
    wsc_conn_t *ws = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: %s ws://host:port/path\n", argv[0]);
        return 1;
    }
    if (ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop), "wsc_loop_new")
        && ok(wsc_conn_new(loop, argv[1], &ws), argv[1])
        && ok(wsc_conn_on_message(ws, on_message, &host), "wsc_conn_on_message")
        && ok(wsc_conn_on_error(ws, on_error, &host), "wsc_conn_on_error")
        && ok(wsc_conn_on_close(ws, on_close, &host), "wsc_conn_on_close")
        && ok(wsc_conn_connect(ws), "wsc_conn_connect")) {
        run(loop, ws, &host);
    }
    wsc_conn_free(ws);
    wsc_loop_free(loop);
    return host.is_closed && !host.failed ? 0 : 1;
}
