/* Ends by exit() at any moment of connections that come and go: in the middle of TLS
 * handshakes, of sessions that the server cuts, of look-ups.
 *
 *     busy URL MODE MICROSECONDS
 *
 * MODE is a wsc_callbacks_t. Ends with 7. */
#include "../c/check.h"

#include <time.h>

enum { CONNECTIONS = 6, ENDED = 7 };

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)userdata;
    if (event->type == WSC_EVENT_CLOSE) {
        wsc_conn_reconnect(conn, 0);
    } else {
        wsc_conn_send_text(conn, "hello", 5);
    }
}

static long microseconds(void)
{
    struct timespec now;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    wsc_callbacks_t mode;
    wsc_loop_t *loop;
    long until;
    int i;

    CHECK(argc == 4);
    alarm(LIMIT_S);
    mode = (wsc_callbacks_t)atoi(argv[2]);
    loop = new_loop(mode);
    until = microseconds() + atol(argv[3]);
    for (i = 0; i < CONNECTIONS; i += 1) {
        wsc_conn_t *conn = new_conn(loop, argv[1]);
        CHECK_OK(wsc_conn_set_tls_danger_accept_anything(conn, true));
        CHECK_OK(wsc_conn_on_handshake(conn, on_event, NULL));
        CHECK_OK(wsc_conn_on_message(conn, on_event, NULL));
        CHECK_OK(wsc_conn_on_close(conn, on_event, NULL));
        CHECK_OK(wsc_conn_connect(conn));
    }
    while (microseconds() < until) {
        const struct timespec nap = { 0, 500 * 1000 };
        if (mode == WSC_CALLBACKS_ON_DISPATCH) {
            CHECK_OK(wsc_loop_dispatch(loop, 1));
        } else {
            nanosleep(&nap, NULL);
        }
    }
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        /* Long enough for the thread that stands in for the host to be at it. */
        const struct timespec away = { 0, 12 * 1000 * 1000 };
        nanosleep(&away, NULL);
    }
    exit(ENDED);
}
