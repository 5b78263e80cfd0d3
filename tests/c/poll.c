/* Polling: events come out in order, one at a time if so wanted, and their data
 * outlives the connection. */
#include "check.h"

static wsc_event_t next(wsc_loop_t *loop)
{
    wsc_event_t event;
    size_t count = 0;

    memset(&event, 0xff, sizeof event);
    while (count == 0) {
        CHECK_OK(wsc_loop_poll(loop, &event, 1, LIMIT_MS, &count));
    }
    CHECK(count == 1);
    CHECK(event.run == 0 && event.reserved[0] == 0 && event.reserved[2] == 0);
    return event;
}

static void never(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn, (void)event, (void)userdata;
    CHECK(0 && "a poll runs no callback");
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    wsc_loop_t *loop = new_loop(WSC_CALLBACKS_ON_DISPATCH);
    wsc_conn_t *conn = new_conn(loop, url);
    uint64_t id = wsc_conn_id(conn);
    wsc_event_t events[16];
    wsc_event_t event;
    size_t count = 7;

    CHECK_OK(wsc_loop_poll(loop, events, 16, 0, &count));
    CHECK(count == 0);
    CHECK_OK(wsc_conn_on_message(conn, never, NULL));
    CHECK_OK(wsc_conn_connect(conn));
    send_text(conn, "one");
    send_text(conn, "two");
    CHECK_OK(wsc_conn_send_binary(conn, NULL, 0));

    event = next(loop);
    CHECK(event.type == WSC_EVENT_CONNECT && event.conn_id == id && event.attempt == 1);
    event = next(loop);
    CHECK(event.type == WSC_EVENT_HANDSHAKE && event.len > 16);
    CHECK(memcmp((const char *)event.data + event.len - 4, "\r\n\r\n", 4) == 0);
    event = next(loop);
    CHECK(event.type == WSC_EVENT_MESSAGE && is_text(&event, "one"));
    event = next(loop);
    CHECK(is_text(&event, "two") && event.message_type == WSC_MESSAGE_TEXT);
    event = next(loop);
    CHECK(event.message_type == WSC_MESSAGE_BINARY && event.len == 0 && event.data != NULL);

    /* What arrives after our close frame and before theirs is still told. */
    CHECK_OK(wsc_conn_send_text(conn, "asked", 5));
    close_normally(conn);
    event = next(loop);
    CHECK(event.type == WSC_EVENT_MESSAGE && is_text(&event, "asked"));
    event = next(loop);
    CHECK(event.type == WSC_EVENT_CLOSE && event.clean == 1 && event.code == 1000);
    CHECK(is_text(&event, "bye") && wsc_conn_state(conn) == WSC_STATE_CLOSED);

    CHECK_OK(wsc_conn_connect(conn));
    send_text(conn, "last");
    event = next(loop);
    CHECK(event.type == WSC_EVENT_CONNECT && event.conn_id == id && event.attempt == 2);
    event = next(loop);
    CHECK(event.type == WSC_EVENT_HANDSHAKE);
    event = next(loop);
    /* Freed, closed or reconnected meanwhile: the data stays. */
    wsc_conn_free(conn);
    CHECK(is_text(&event, "last"));

    /* CLOSE of a freed connection is never told. */
    CHECK_OK(wsc_loop_wake(loop));
    CHECK_OK(wsc_loop_poll(loop, events, 16, LIMIT_MS, &count));
    CHECK(count == 0);
    wsc_loop_free(loop);
    return 0;
}
