/* Callbacks on dispatch: they run in order, on the dispatching thread, and only
 * inside wsc_loop_dispatch or wsc_loop_run. */
#include "check.h"

struct host {
    pthread_t thread;
    wsc_loop_t *loop;
    int inside; /* whether a dispatch is under way */
    char order[32];
};

static void note(struct host *host, char what)
{
    size_t len = strlen(host->order);
    CHECK(host->inside);
    CHECK(pthread_equal(host->thread, pthread_self()));
    CHECK(len + 1 < sizeof host->order);
    host->order[len] = what;
}

static void on_connect(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    CHECK(event->type == WSC_EVENT_CONNECT && event->attempt == 1);
    CHECK(event->conn_id == wsc_conn_id(conn) && event->conn_id != 0);
    CHECK(event->data == NULL && event->len == 0);
    CHECK(wsc_conn_state(conn) == WSC_STATE_CONNECTING);
    note((struct host *)userdata, 'c');
}

static void on_handshake(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    const void *part = NULL;
    const void *name = NULL;
    size_t len = 0;
    size_t name_len = 0;

    CHECK(event->type == WSC_EVENT_HANDSHAKE && event->code == 101);
    CHECK(wsc_conn_state(conn) == WSC_STATE_OPEN);
    CHECK_OK(wsc_http_status_line(event->data, event->len, &part, &len));
    CHECK(len > 12 && memcmp(part, "HTTP/1.1 101", 12) == 0);
    CHECK_OK(wsc_http_header(event->data, event->len, "upgrade", 0, &part, &len));
    CHECK(len == 9 && memcmp(part, "websocket", 9) == 0);
    CHECK_STATUS(wsc_http_header(event->data, event->len, "upgrade", 1, &part, &len),
                 WSC_ERR_NOT_FOUND);
    CHECK_OK(wsc_http_header_at(event->data, event->len, 0, &name, &name_len, &part, &len));
    CHECK(name_len > 0);
    note((struct host *)userdata, 'h');
}

static void on_message(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    wsc_event_t polled;
    size_t count = 7;

    CHECK(event->type == WSC_EVENT_MESSAGE);
    CHECK_STATUS(wsc_loop_dispatch(host->loop, 0), WSC_ERR_BUSY);
    CHECK_STATUS(wsc_loop_poll(host->loop, &polled, 1, 0, &count), WSC_ERR_BUSY);
    CHECK_STATUS(wsc_loop_run(host->loop), WSC_ERR_BUSY);
    CHECK(count == 7);
    if (event->message_type == WSC_MESSAGE_TEXT) {
        CHECK(is_text(event, "early") || is_text(event, ""));
        note(host, 't');
    } else {
        CHECK(event->message_type == WSC_MESSAGE_BINARY);
        CHECK(event->len == 3 && memcmp(event->data, "a\0b", 3) == 0);
        note(host, 'b');
        close_normally(conn);
    }
}

static void on_close(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    /* Nothing is left to wait for, and still a callback may not run the loop. */
    CHECK_STATUS(wsc_loop_run(((struct host *)userdata)->loop), WSC_ERR_BUSY);
    CHECK(event->type == WSC_EVENT_CLOSE && event->status == WSC_OK);
    CHECK(event->code == 1000 && event->clean == 1 && event->unsent == 0);
    CHECK(is_text(event, "bye"));
    CHECK(wsc_conn_state(conn) == WSC_STATE_CLOSED);
    note((struct host *)userdata, 'x');
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    wsc_loop_t *loop = new_loop(WSC_CALLBACKS_ON_DISPATCH);
    wsc_conn_t *conn = new_conn(loop, url);
    struct host host;
    char address[64];
    uint64_t value = 0;

    memset(&host, 0, sizeof host);
    host.thread = pthread_self();
    host.loop = loop;
    CHECK(wsc_conn_state(conn) == WSC_STATE_INITIAL);
    CHECK_OK(wsc_conn_on_connect(conn, on_connect, &host));
    CHECK_OK(wsc_conn_on_handshake(conn, on_handshake, &host));
    CHECK_OK(wsc_conn_on_message(conn, on_message, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_close, &host));
    CHECK_OK(wsc_conn_connect(conn));
    /* Sent before the handshake: queued, and first out. */
    send_text(conn, "early");
    CHECK_OK(wsc_conn_send(conn, NULL, 0));
    CHECK_OK(wsc_conn_set_binary_type(conn, WSC_BINARY_TYPE_ARRAYBUFFER));
    CHECK_OK(wsc_conn_send(conn, "a\0b", 3));

    host.inside = 1;
    while (strchr(host.order, 'h') == NULL) {
        CHECK_OK(wsc_loop_dispatch(loop, LIMIT_MS));
    }
    host.inside = 0;
    CHECK_OK(wsc_conn_peer_address(conn, address, sizeof address));
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0 && strstr(url, address) != NULL);
    CHECK_OK(wsc_conn_local_address(conn, address, sizeof address));
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0 && strstr(url, address) == NULL);
    CHECK_STATUS(wsc_conn_local_address(conn, address, 8), WSC_ERR_TOO_BIG);
    host.inside = 1;
    CHECK_OK(wsc_loop_run(loop));
    host.inside = 0;

    CHECK(strcmp(host.order, "chttbx") == 0);
    CHECK_OK(wsc_conn_counter(conn, WSC_COUNTER_MESSAGES_RECEIVED, &value));
    CHECK(value == 3);
    CHECK_OK(wsc_conn_counter(conn, WSC_COUNTER_MESSAGES_SENT, &value));
    CHECK(value == 3);
    /* Nothing is left, so it returns at once. */
    CHECK_OK(wsc_loop_run(loop));
    wsc_conn_free(conn);
    wsc_loop_free(loop);
    return 0;
}
