#include "check.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// A server of few words: it accepts one connection, reads a little, says its text,
/// and reads until the client goes. It says nothing if the text is empty.
class listener {
public:
    explicit listener(std::string text) : socket_(socket(AF_INET, SOCK_STREAM, 0))
    {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto *generic = reinterpret_cast<sockaddr *>(&address);
        CHECK(bind(socket_, generic, size) == 0 && listen(socket_, 1) == 0);
        CHECK(getsockname(socket_, generic, &size) == 0);
        url_ = "ws://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
        thread_ = std::thread([this, text = std::move(text)] {
            const int peer = accept(socket_, nullptr, nullptr);
            std::array<char, 4096> buffer{};
            if (read(peer, buffer.data(), buffer.size()) > 0 && !text.empty()) {
                CHECK(write(peer, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
                shutdown(peer, SHUT_WR);
            }
            while (read(peer, buffer.data(), buffer.size()) > 0) {
            }
            ::close(peer);
        });
    }
    listener(const listener &) = delete;
    listener &operator=(const listener &) = delete;
    ~listener()
    {
        thread_.join();
        ::close(socket_);
    }

    const std::string &url() const { return url_; }

private:
    int socket_;
    std::string url_;
    std::thread thread_;
};

std::chrono::milliseconds time_of(const std::function<void()> &call)
{
    const auto begin = std::chrono::steady_clock::now();
    call();
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

/// To a server that does not read any more.
void send_for_ever(wsc::client &ws, std::chrono::milliseconds timeout)
{
    const std::string chunk(1 << 20, 'x');
    for (;;) {
        ws.send(chunk, timeout);
    }
}

} // namespace

TEST(blocking_echo)
{
    wsc::client ws(url());
    ws.set_header("X-Test", "1");
    CHECK(!ws.is_open() && !ws.closed());
    CHECK_THROWS(ws.receive(), wsc::status::state);
    const wsc::http_head answer = ws.connect(limit);
    CHECK(answer.status_line() == "HTTP/1.1 101 Switching Protocols");
    CHECK(answer.header("upgrade") == "websocket");
    CHECK(ws.is_open());
    ws.send("hello");
    ws.send_text("text");
    ws.send_binary(std::vector<char>{0, 1});
    ws.send(wsc::message_type::binary, "more");
    auto message = ws.receive();
    CHECK(message && message->is_text() && message->data == "hello");
    CHECK(ws.receive(limit)->data == "text");
    message = ws.receive(limit);
    CHECK(message && message->is_binary() && message->bytes().size() == 2);
    CHECK(message->bytes()[1] == std::byte{1});
    CHECK(ws.receive(limit)->data == "more");

    ws.send("still there");
    ws.send("close me");
    message = ws.receive(limit);
    CHECK(message && message->data == "still there");
    CHECK(!ws.receive(limit));
    CHECK(!ws.receive(limit)); // again and again
    CHECK(!ws.is_open() && ws.closed());
    CHECK(ws.closed()->code == 1000 && ws.closed()->reason == "as asked" && ws.closed()->clean);
    CHECK(ws.close().reason == "as asked"); // it is closed already
    CHECK_THROWS(ws.send("late"), wsc::status::state);
}

TEST(blocking_close_and_connect_again)
{
    wsc::client first(url());
    first.connect(limit);
    wsc::client ws(std::move(first));
    ws.send("one");
    ws.send("two");
    CHECK(ws.receive(limit)->data == "one");
    const wsc::close_result result = ws.close(3000, "done", limit);
    CHECK(result.code == 3000 && result.clean && result.status == wsc::status::ok);
    CHECK(ws.receive()->data == "two"); // what was received remains
    CHECK(!ws.receive());

    ws.connect(limit);
    CHECK_THROWS(ws.connect(limit), wsc::status::state);
    ws.send("three");
    wsc::client other(url());
    other = std::move(ws);
    CHECK(other.receive(limit)->data == "three");
    other.abort();
    CHECK(other.closed()->code == 1006);
    CHECK(!other.receive());

    other.connect(limit);
    other.send("close me");
    while (other.is_open()) { // until the close has come, if unnoticed
        if (!other.receive(limit)) {
            break;
        }
    }
    other.connect(limit);
    other.close();
    CHECK_THROWS(first.connect(), wsc::status::null);
}

TEST(blocking_timeouts)
{
    const listener silent("");
    wsc::client ws(silent.url());
    bool is_timeout = false;
    const auto waited = time_of([&] {
        try {
            ws.connect(moment);
        } catch (const wsc::timeout_error &error) {
            is_timeout = error.status() == wsc::status::timeout;
        }
    });
    CHECK(is_timeout && waited >= moment && waited < limit);
    CHECK(ws.closed() && ws.closed()->code == 1006);
    CHECK(!ws.receive(limit));

    ws.set_url(url()); // and now one that answers
    ws.connect(limit);
    CHECK(time_of([&] { CHECK_THROWS(ws.receive(moment), wsc::status::timeout); }) >= moment);
    CHECK_THROWS(ws.receive(0ms), wsc::status::timeout);
    CHECK_THROWS(ws.receive(-1ms), wsc::status::invalid);
    ws.send("hello"); // a timeout leaves the connection as it is
    CHECK(ws.receive(std::chrono::hours(1000000))->data == "hello");
    ws.close();
}

TEST(blocking_connect_fails_by_its_deadlines)
{
    const listener silent("");
    wsc::client ws(silent.url());
    ws.set_handshake_timeout(moment);
    try {
        ws.connect();
        CHECK(false && "it did not connect");
    } catch (const wsc::timeout_error &) {
        CHECK(false && "the timeout of the call is not over");
    } catch (const wsc::connection_error &error) {
        CHECK(error.status() == wsc::status::timeout && error.phase() == wsc::phase::upgrade);
    }
}

TEST(blocking_connect_is_refused)
{
    const listener forbidding("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    for (const std::string &refusing : {forbidding.url(), std::string("ws://127.0.0.1:1/")}) {
        wsc::client ws(refusing);
        bool is_thrown = false;
        try {
            ws.connect(limit);
        } catch (const wsc::connection_error &error) {
            is_thrown = true;
            if (error.http_status() == 403) {
                CHECK(error.status() == wsc::status::http_status);
                CHECK(error.phase() == wsc::phase::upgrade);
            } else {
                CHECK(error.status() == wsc::status::refused);
                CHECK(error.phase() == wsc::phase::tcp && error.http_status() == 0);
            }
            CHECK(std::string_view(error.what()).size() > std::string_view("connect: ").size());
        }
        CHECK(is_thrown);
    }
    CHECK_THROWS(wsc::client("http://example.org"), wsc::status::url_scheme);
    CHECK_THROWS(wsc::client(std::string_view("ws://a\0b", 8)), wsc::status::url);
}

TEST(blocking_receive_fails)
{
    wsc::client ws(url());
    ws.connect(limit);
    ws.send("reset me");
    bool is_thrown = false;
    try {
        while (ws.receive(limit)) {
        }
    } catch (const wsc::connection_error &error) {
        is_thrown = error.status() == wsc::status::reset && error.phase() == wsc::phase::open;
    }
    CHECK(is_thrown);
    CHECK_THROWS(ws.receive(), wsc::status::reset);
    CHECK_THROWS(ws.send("late"), wsc::status::reset);
}

TEST(blocking_send_waits_for_room)
{
    wsc::client ws(url());
    ws.set_send_queue_limit(64 << 10);
    ws.connect(limit);
    const std::string chunk(100 << 10, 'x');
    const int count = 100; // what comes back is kept meanwhile
    for (int sent = 0; sent < count; sent += 1) {
        ws.send(chunk, limit);
    }
    for (int received = 0; received < count; received += 1) {
        CHECK(ws.receive(limit)->data == chunk);
    }
    ws.close();

    // A peer that does not read.
    const listener deaf("");
    wsc::client stuck(deaf.url());
    stuck.set_send_queue_limit(1);
    CHECK_THROWS(stuck.connect(moment), wsc::status::timeout);
}

TEST(blocking_connect_again_unnoticed)
{
    wsc::client ws(url());
    ws.connect(limit);
    for (int sent = 0; sent < 100; sent += 1) { // more than one look at the events shows
        ws.send("hello");
    }
    ws.send(R"({"subscribe":"prices"})"); // and the line is dead
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (ws.report(wsc::report_number::status) == 0) { // while nobody looks
        CHECK(std::chrono::steady_clock::now() < deadline);
        std::this_thread::yield();
    }
    CHECK(ws.is_open());
    ws.connect(limit);
    CHECK_THROWS(ws.connect(limit), wsc::status::state);
    ws.send("hello");
    CHECK(ws.receive(limit)->data == "hello"); // of the new one
}

TEST(blocking_timeouts_while_events_come)
{
    wsc::client ws(url());
    ws.set_send_queue_limit(64 << 10);
    ws.set_close_timeout(wsc::forever);
    ws.connect(limit);
    ws.send("flood me with pings");
    CHECK_THROWS(ws.receive(moment), wsc::status::timeout);
    CHECK_THROWS(send_for_ever(ws, moment), wsc::status::timeout);
    CHECK_THROWS(ws.connect(), wsc::status::state);
    CHECK_THROWS(ws.close(1000, "", moment), wsc::status::timeout);
}

TEST(blocking_send_keeps_no_more_than_its_limit)
{
    wsc::client ws(url());
    ws.set_send_queue_limit(64 << 10);
    ws.connect(limit);
    ws.send("flood me with empty messages");
    CHECK_THROWS(send_for_ever(ws, limit), wsc::status::queue_full);
    CHECK(ws.receive(limit)->data.empty());
}

TEST(blocking_close_keeps_no_more_than_its_limit)
{
    enum : std::size_t { kept_at_most = 24 << 20 }; // what the library has read is with it
    wsc::client ws(url());
    ws.set_close_timeout(1s);
    ws.connect(limit);
    ws.send("flood me and close");
    const wsc::close_result result = ws.close();
    CHECK(result.status == wsc::status::timeout && !result.clean);
    std::size_t kept = 0;
    const auto receive_all = [&] {
        while (const auto message = ws.receive()) {
            kept += message->data.size();
        }
    };
    CHECK_THROWS(receive_all(), wsc::status::timeout);
    CHECK(kept < kept_at_most);

    ws.connect(limit); // which is not held back
    ws.send("hello");
    CHECK(ws.receive(limit)->data == "hello");
}

TEST(blocking_close_after_the_peer)
{
    wsc::client ws(url());
    ws.set_close_timeout(1s);
    CHECK_THROWS(ws.close(), wsc::status::state);
    ws.connect(limit);
    ws.send("close me and stay");
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (status_of([&] { ws.ping(); }) != wsc::status::state) { // while nobody looks
        CHECK(std::chrono::steady_clock::now() < deadline);
        std::this_thread::yield();
    }
    CHECK(ws.is_open());
    const wsc::close_result result = ws.close(3000, "mine");
    CHECK(result.code == 1000 && result.by_peer);
}

TEST(blocking_calls_in_a_forked_child)
{
    wsc::client ws(url());
    ws.connect(limit);
    ws.send("one");
    ws.send("two");
    ws.close();
    CHECK(ws.receive()->data == "one"); // and the other one is there
    const pid_t child = fork();
    if (child == 0) {
        alarm(60); // the parent's is not inherited
        CHECK_THROWS(ws.receive(), wsc::status::forked);
        CHECK_THROWS(ws.connect(), wsc::status::forked);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(ws.receive()->data == "two");
}
