/* A host with an event loop of its own: it watches wsc_loop_fd with poll(2),
 * without a timeout, and dispatches when told. */
#include "check.h"

#include <poll.h>

enum { ROUNDS = 50 };

struct host {
    int messages;
    int pongs;
    int closed;
};

static void on_handshake(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)event, (void)userdata;
    CHECK_OK(wsc_conn_ping(conn, "beat", 4));
    send_text(conn, "round");
}

static void on_pong(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn;
    CHECK(is_text(event, "beat"));
    ((struct host *)userdata)->pongs += 1;
}

static void on_message(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    CHECK(is_text(event, "round"));
    host->messages += 1;
    if (host->messages == ROUNDS) {
        close_normally(conn);
    } else {
        send_text(conn, "round");
    }
}

static void on_close(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn;
    CHECK(event->clean == 1);
    ((struct host *)userdata)->closed = 1;
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    wsc_loop_t *loop = new_loop(WSC_CALLBACKS_ON_DISPATCH);
    wsc_conn_t *conn = new_conn(loop, url);
    struct host host;
    struct pollfd watched;

    memset(&host, 0, sizeof host);
    watched.fd = wsc_loop_fd(loop);
    watched.events = POLLIN;
    CHECK(watched.fd >= 0);
    CHECK_OK(wsc_conn_on_handshake(conn, on_handshake, &host));
    CHECK_OK(wsc_conn_on_message(conn, on_message, &host));
    CHECK_OK(wsc_conn_on_pong(conn, on_pong, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_close, &host));
    CHECK_OK(wsc_conn_connect(conn));
    while (!host.closed) {
        CHECK(poll(&watched, 1, -1) == 1);
        CHECK_OK(wsc_loop_dispatch(loop, 0));
    }
    CHECK(host.messages == ROUNDS && host.pongs == 1);
    wsc_conn_free(conn);
    wsc_loop_free(loop);
    CHECK(wsc_loop_fd(NULL) == -1);
    return 0;
}
