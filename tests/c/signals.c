/* Signals for the host run on the host's thread and reach every one of its waits,
 * whatever the library's threads do: they block them all; the connection does not notice. */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

enum { ALARMS = 20, CHILDREN = 5 };

static pthread_t host_thread;
static volatile sig_atomic_t alarms;
static volatile sig_atomic_t children;
static volatile sig_atomic_t terminations;
static volatile sig_atomic_t strays;

static void on_signal(int number)
{
    strays += !pthread_equal(host_thread, pthread_self());
    alarms += number == SIGALRM;
    children += number == SIGCHLD;
    terminations += number == SIGTERM;
}

static void watch(int number)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    CHECK(sigaction(number, &action, NULL) == 0);
}

struct host {
    int messages;
    int closes;
};

/* Told on the host's thread or the library's; read with __atomic builtins only. */
static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;

    if (event->type == WSC_EVENT_HANDSHAKE) {
        send_text(conn, "hello");
    } else if (event->type == WSC_EVENT_MESSAGE) {
        wsc_status_t status = wsc_conn_send_text(conn, "hello", 5);
        CHECK(status == WSC_OK || status == WSC_ERR_STATE); /* closing */
        __atomic_fetch_add(&host->messages, 1, __ATOMIC_SEQ_CST);
    } else if (event->type == WSC_EVENT_CLOSE) {
        CHECK(event->clean == 1);
        __atomic_fetch_add(&host->closes, 1, __ATOMIC_SEQ_CST);
    }
}

static void start_alarms(long microseconds)
{
    struct itimerval timer;

    memset(&timer, 0, sizeof timer);
    timer.it_value.tv_usec = microseconds;
    timer.it_interval.tv_usec = microseconds;
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void turn(wsc_loop_t *loop, wsc_callbacks_t mode)
{
    const struct timespec nap = { 0, 1000 * 1000 };

    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        CHECK_OK(wsc_loop_dispatch(loop, 10));
    } else {
        nanosleep(&nap, NULL); /* a signal may end it */
    }
}

static void make_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        _exit(0);
    }
    while (waitpid(child, NULL, 0) < 0) {
        CHECK(errno == EINTR);
    }
}

/* With nothing else to end it, a wait ends with each signal: the handlers of scripting
 * languages run only then. */
static void wait_through_alarms(wsc_callbacks_t mode)
{
    wsc_loop_t *idle = new_loop(WSC_CALLBACKS_ON_DISPATCH);
    wsc_event_t event;
    size_t count = 1;
    int begin = alarms;

    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        start_alarms(5000);
        while (alarms < begin + ALARMS) {
            CHECK_OK(wsc_loop_dispatch(idle, LIMIT_MS));
            CHECK_OK(wsc_loop_poll(idle, &event, 1, LIMIT_MS, &count));
            CHECK(count == 0);
        }
        start_alarms(0);
    }
    wsc_loop_free(idle);
}

/* The signals that a thread blocks, the first one in the lowest bit; all for one that has
 * ended meanwhile. */
static unsigned long long blocked_by(const char *thread)
{
    static const char field[] = "SigBlk:";
    char path[64];
    char line[256];
    unsigned long long blocked = ~0ULL;
    int found = 0;
    FILE *status;

    CHECK(snprintf(path, sizeof path, "/proc/self/task/%s/status", thread) > 0);
    status = fopen(path, "r");
    if (status == NULL) {
        return blocked;
    }
    while (!found && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "State:\tX", 8) == 0 || strncmp(line, "State:\tZ", 8) == 0) {
            break; /* it has ended, and blocks nothing any more */
        }
        found = strncmp(line, field, sizeof field - 1) == 0
            && sscanf(line + sizeof field - 1, "%llx", &blocked) == 1;
    }
    CHECK(fclose(status) == 0);
    return blocked;
}

/* How many threads there are apart from the host's, each of which blocks every signal that
 * can be blocked. The C library keeps 32 and 33 for itself. */
static int blocking_threads(void)
{
    DIR *threads = opendir("/proc/self/task");
    struct dirent *thread;
    char own[16];
    int count = 0;

    CHECK(snprintf(own, sizeof own, "%d", (int)getpid()) > 0);
    CHECK(threads != NULL);
    while ((thread = readdir(threads)) != NULL) {
        int number;
        unsigned long long blocked;
        if (thread->d_name[0] == '.' || strcmp(thread->d_name, own) == 0) {
            continue;
        }
        blocked = blocked_by(thread->d_name);
        for (number = 1; number <= 64; number += 1) {
            int is_special = number == SIGKILL || number == SIGSTOP || number == 32 || number == 33;
            CHECK(is_special || (blocked >> (number - 1) & 1) != 0);
        }
        count += 1;
    }
    CHECK(closedir(threads) == 0);
    return count;
}

static void run(wsc_callbacks_t mode, const char *url)
{
    struct host host = { 0, 0 };
    wsc_loop_t *loop = new_loop(mode);
    wsc_conn_t *conn = new_conn(loop, url);
    int child;

    alarms = children = terminations = 0;
    CHECK_OK(wsc_conn_on_handshake(conn, on_event, &host));
    CHECK_OK(wsc_conn_on_message(conn, on_event, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_event, &host));
    CHECK_OK(wsc_conn_connect(conn));
    start_alarms(5000);
    for (child = 0; child < CHILDREN; child += 1) {
        make_child();
        CHECK(kill(getpid(), SIGTERM) == 0);
        turn(loop, mode);
    }
    while (alarms < ALARMS || __atomic_load_n(&host.messages, __ATOMIC_SEQ_CST) < ALARMS) {
        turn(loop, mode);
    }
    start_alarms(0);
    /* The loop's own or the one that stands in for the host, and the one that asked the
     * resolver, which stays for a while and may have gone. Valgrind has masks of its own. */
    CHECK(getenv("WSC_VALGRIND") != NULL || blocking_threads() >= 1);
    wait_through_alarms(mode);
    CHECK_OK(wsc_conn_close(conn, 1000, "bye", 3));
    while (__atomic_load_n(&host.closes, __ATOMIC_SEQ_CST) == 0) {
        turn(loop, mode);
    }
    CHECK(children == CHILDREN && terminations == CHILDREN);
    CHECK(strays == 0);
    wsc_conn_free(conn);
    wsc_loop_free(loop);
}

int main(int argc, char **argv)
{
    const char *port = strrchr(server(argc, argv), ':');
    char url[64];

    CHECK(port != NULL);
    /* A name, so that there is a thread that asks a resolver. */
    CHECK(snprintf(url, sizeof url, "ws://localhost%s", port) < (int)sizeof url);
    alarm(0); /* SIGALRM is a subject here; the test's own limit ends a hang */
    host_thread = pthread_self();
    watch(SIGALRM);
    watch(SIGCHLD);
    watch(SIGTERM);
    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    return 0;
}
