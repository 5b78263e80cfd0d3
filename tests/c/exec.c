/* What becomes another program takes no descriptor of the library along, whatever state
 * loops and connections are in. */
#include "check.h"

#include <dirent.h>
#include <sys/wait.h>

enum { CLEAN = 7 };

static const char list[] = "list";

/* In the new program: whether a socket, epoll, eventfd or timer is open. */
static int has_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    int found = 0;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        char path[300];
        char target[300];
        ssize_t size;

        CHECK(snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name) > 0);
        size = readlink(path, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        if (strncmp(target, "socket:", 7) == 0 || strncmp(target, "anon_inode:", 11) == 0) {
            fprintf(stderr, "inherited: %s\n", target);
            found += 1;
        }
    }
    CHECK(closedir(directory) == 0);
    return found;
}

static void become_another(char **argv)
{
    char option[sizeof list];
    char *arguments[] = { argv[0], option, NULL };
    int status = 0;
    pid_t process;

    memcpy(option, list, sizeof list);
    process = fork();
    CHECK(process >= 0);
    if (process == 0) {
        execv(argv[0], arguments);
        _exit(1);
    }
    CHECK(waitpid(process, &status, 0) == process);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CLEAN);
}

static void on_message(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn, (void)event;
    flag_raise((struct flag *)userdata);
}

static void run(wsc_callbacks_t mode, const char *url, char **argv)
{
    wsc_loop_t *loop = new_loop(mode);
    wsc_conn_t *conn = new_conn(loop, url);
    struct flag received;

    become_another(argv); /* a loop that was never used */
    flag_init(&received);
    CHECK(mode == WSC_CALLBACKS_ON_THREAD || wsc_loop_fd(loop) >= 0);
    CHECK_OK(wsc_conn_on_message(conn, on_message, &received));
    CHECK_OK(wsc_conn_connect(conn));
    send_text(conn, "hello");
    become_another(argv); /* on its way */
    while (mode == WSC_CALLBACKS_ON_DISPATCH && !received.is_up) {
        CHECK_OK(wsc_loop_dispatch(loop, LIMIT_MS));
    }
    flag_take(&received);
    become_another(argv); /* open */
    wsc_conn_free(conn);
    wsc_loop_free(loop);
    flag_destroy(&received);
}

int main(int argc, char **argv)
{
    const char *url;

    if (argc == 2 && strcmp(argv[1], list) == 0) {
        return has_descriptors() == 0 ? CLEAN : 1;
    }
    url = server(argc, argv);
    run(WSC_CALLBACKS_ON_DISPATCH, url, argv);
    run(WSC_CALLBACKS_ON_THREAD, url, argv);
    return 0;
}
