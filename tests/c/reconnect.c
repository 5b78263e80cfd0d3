/* wsc_conn_reconnect inside on_close: settings, callbacks and the number stay,
 * the attempt counts up, and each attempt has one CLOSE. */
#include "check.h"

enum { ATTEMPTS = 5 };

struct host {
    uint64_t id;
    int handshakes;
    int closes;
    struct flag done;
};

static void on_handshake(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    host->handshakes += 1;
    CHECK(event->conn_id == host->id);
    CHECK(event->attempt == (uint32_t)host->handshakes);
    /* By turns the server ends the connection, the client does, or nobody in order. */
    if (host->handshakes % 3 == 0) {
        send_text(conn, "close me");
    } else if (host->handshakes % 3 == 1) {
        close_normally(conn);
    } else {
        CHECK_OK(wsc_conn_abort(conn));
    }
}

static void on_close(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    host->closes += 1;
    CHECK(event->attempt == (uint32_t)host->closes && host->closes == host->handshakes);
    CHECK(event->clean == (host->closes % 3 != 2));
    CHECK_STATUS(wsc_conn_send_text(conn, "lost", 4), WSC_ERR_STATE);
    if (host->closes < ATTEMPTS) {
        CHECK_OK(wsc_conn_reconnect(conn, host->closes % 2));
        CHECK(wsc_conn_state(conn) == WSC_STATE_WAITING
              || wsc_conn_state(conn) == WSC_STATE_CONNECTING);
    } else {
        /* One that is taken back never happens. */
        CHECK_OK(wsc_conn_reconnect(conn, LIMIT_MS));
        CHECK_OK(wsc_conn_cancel_reconnect(conn));
        CHECK(wsc_conn_state(conn) == WSC_STATE_CLOSED);
        flag_raise(&host->done);
    }
}

static void run(wsc_callbacks_t mode, const char *url)
{
    wsc_loop_t *loop = new_loop(mode);
    wsc_conn_t *conn = new_conn(loop, url);
    struct host host;

    memset(&host, 0, sizeof host);
    flag_init(&host.done);
    host.id = wsc_conn_id(conn);
    CHECK_OK(wsc_conn_on_handshake(conn, on_handshake, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_close, &host));
    CHECK_OK(wsc_conn_connect(conn));
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        CHECK_OK(wsc_loop_run(loop));
    }
    flag_take(&host.done);
    wsc_loop_free(loop);
    CHECK(host.handshakes == ATTEMPTS && host.closes == ATTEMPTS);
    wsc_conn_free(conn);
    flag_destroy(&host.done);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);

    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    return 0;
}
