#include "check.hpp"

namespace {

struct thrown : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What `call` throws; empty if nothing.
template <class Call>
std::string thrown_by(Call call)
{
    try {
        call();
    } catch (const thrown &exception) {
        return exception.what();
    }
    return {};
}

std::string text_of(const std::exception_ptr &exception)
{
    return thrown_by([&] { std::rethrow_exception(exception); });
}

} // namespace

TEST(exceptions_reach_the_caller_of_dispatch)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    ws.on_connect([] { throw thrown("in on_connect"); });
    ws.connect();
    CHECK(thrown_by([&] { dispatch_until(loop, [] { return false; }); }) == "in on_connect");

    // The connection goes on.
    ws.on_message([&](wsc::message) {
        ws.close();
        throw 42; // anything can be thrown
    });
    ws.send("hello");
    int number = 0;
    try {
        dispatch_until(loop, [] { return false; });
    } catch (int value) {
        number = value;
    }
    CHECK(number == 42);
    loop.run();
    CHECK(ws.state() == wsc::state::closed);
}

TEST(exceptions_reach_the_caller_of_run)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    wsc::connection idle(loop, url()); // nothing but the exception ends the run
    int messages = 0;
    ws.on_handshake([&] { ws.send("one"); });
    ws.on_message([&](wsc::message message) {
        messages += 1;
        throw thrown(std::string(message.data()));
    });
    ws.connect();
    idle.connect();
    CHECK(thrown_by([&] { loop.run(); }) == "one");
    ws.send("two");
    CHECK(thrown_by([&] { loop.run(); }) == "two");
    idle.abort();
    ws.close();
    loop.run();
    CHECK(messages == 2);
}

TEST(no_exception_is_lost)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    std::string seen;
    ws.on_message([](wsc::message message) { throw thrown(std::string(message.data())); });
    ws.on_close([] { throw thrown("close"); });
    for (const char *text : {"a", "b", "c", "close me"}) {
        ws.send(text);
    }
    ws.connect();
    for (int count = 0; count < 4; count += 1) {
        seen += thrown_by([&] { loop.run(); });
    }
    CHECK(seen == "abcclose");
    loop.run();
    loop.rethrow();
}

TEST(on_exception_takes_them)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    std::vector<std::string> taken;
    loop.on_exception([&](std::exception_ptr exception) { taken.push_back(text_of(exception)); });
    ws.on_handshake([&] {
        ws.send("close me");
        throw thrown("handshake");
    });
    ws.on_close([] { throw thrown("close"); });
    ws.on_free([] { throw thrown("free"); });
    ws.connect();
    loop.run();
    ws.reset();
    CHECK((taken == std::vector<std::string>{"handshake", "close", "free"}));

    loop.on_exception(nullptr);
    wsc::connection other(loop, url());
    other.on_free([] { throw thrown("later"); });
    other.reset();
    CHECK(thrown_by([&] { loop.dispatch(0ms); }) == "later");
}

TEST(exceptions_on_the_thread)
{
    wsc::loop loop(wsc::callbacks::on_thread);
    wsc::connection ws(loop, url());
    std::promise<void> closed;
    ws.on_handshake([&] {
        for (int number = 0; number < 20; number += 1) {
            ws.send(std::to_string(number));
        }
        ws.send("close me");
    });
    ws.on_message([](wsc::message message) { throw thrown(std::string(message.data())); });
    ws.on_close([&] { closed.set_value(); });
    ws.connect();
    wait_for(closed.get_future());
    CHECK(thrown_by([&] { loop.run(); }) == "0");
    for (int number = 1; number < 16; number += 1) {
        CHECK(thrown_by([&] { loop.rethrow(); }) == std::to_string(number));
    }
    loop.rethrow(); // the first 16 were kept
    loop.run();
}

TEST(exceptions_on_the_thread_end_the_run)
{
    wsc::loop loop(wsc::callbacks::on_thread);
    wsc::connection ws(loop, url());
    ws.on_handshake([] { throw thrown("handshake"); });
    ws.connect();
    CHECK(thrown_by([&] { loop.run(); }) == "handshake");
    CHECK(ws.state() == wsc::state::open);

    std::promise<std::string> taken;
    loop.on_exception([&](std::exception_ptr exception) { taken.set_value(text_of(exception)); });
    ws.on_message([] { throw thrown("message"); });
    ws.send("hello");
    CHECK(wait_for(taken.get_future()) == "message");
    loop.rethrow();
}

TEST(an_exception_ends_only_its_run)
{
    enum : int { runs = 1000 };
    wsc::loop loop(wsc::callbacks::on_thread);
    wsc::connection ws(loop, url());
    for (int sent = 0; sent < 16; sent += 1) { // many under way: they throw at any time
        ws.send("again");
    }
    ws.on_message([](wsc::connection_ref conn) {
        conn.send("again");
        throw thrown("message");
    });
    ws.connect();
    for (int run = 0; run < runs; run += 1) {
        CHECK(thrown_by([&] { loop.run(); }) == "message");
    }
}
