// Moving and destroying, at every moment.
#include "check.hpp"

#include <sys/wait.h>
#include <unistd.h>

static_assert(!std::is_copy_constructible_v<wsc::connection>);
static_assert(!std::is_copy_constructible_v<wsc::loop>);
static_assert(!std::is_copy_constructible_v<wsc::client>);
static_assert(std::is_nothrow_move_constructible_v<wsc::connection>);
static_assert(std::is_nothrow_move_assignable_v<wsc::connection>);
static_assert(std::is_nothrow_move_constructible_v<wsc::loop>);
static_assert(std::is_nothrow_move_assignable_v<wsc::loop>);

TEST(move_while_open)
{
    wsc::loop first_loop;
    wsc::connection first(first_loop, url());
    std::string seen;
    first.on_handshake([](wsc::connection_ref conn) { conn.send("one"); });
    first.on_message([&](wsc::connection_ref conn, wsc::message message) {
        seen += message.data();
        if (seen == "onetwo") {
            conn.close();
        }
    });
    first.connect();
    dispatch_until(first_loop, [&] { return seen == "one"; });

    wsc::loop loop(std::move(first_loop));
    const std::uint64_t id = first.id();
    wsc::connection second(std::move(first));
    CHECK(!first && second && second.id() == id);
    std::vector<wsc::connection> many;
    many.push_back(std::move(second));
    many.emplace_back(loop, url());
    wsc::connection third;
    CHECK(!third);
    third = std::move(many.front());
    swap(third, many.back());
    swap(third, many.back());
    many.clear();
    CHECK(third.id() == id && third.state() == wsc::state::open);

    CHECK_THROWS(first.send("moved"), wsc::status::null);
    CHECK_THROWS(first.on_message([] {}), wsc::status::null);
    CHECK_THROWS(first.on_free([] {}), wsc::status::null);
    CHECK_THROWS(first_loop.run(), wsc::status::null);
    CHECK_THROWS(wsc::connection(first_loop, url()), wsc::status::null);
    CHECK(first_loop.fd() == -1 && loop.fd() >= 0);

    third.send("two");
    loop.run();
    CHECK(seen == "onetwo");

    first_loop = wsc::loop(); // a moved-from one can be used again
    first_loop.run();
}

TEST(handlers_are_any_callable)
{
    struct counted {
        int messages = 0;
        void operator()(wsc::message) { messages += 1; }
    };
    wsc::loop loop;
    wsc::connection ws(loop, url());
    counted by_reference;
    auto only_movable = std::make_unique<int>(0);
    int *seen = only_movable.get();
    std::function<void(wsc::connection_ref)> function = [](wsc::connection_ref conn) {
        conn.send("one");
        conn.send("two");
    };
    ws.on_handshake([](const auto &...) { CHECK(false && "it was replaced"); });
    ws.on_handshake(function);
    ws.on_handshake([&](wsc::connection_ref conn, wsc::handshake) { function(conn); });
    ws.on_message(std::ref(by_reference));
    ws.on_close([owned = std::move(only_movable)](wsc::close_info) mutable { *owned += 1; });
    ws.on_ping([](wsc::connection_ref, wsc::ping_info) { CHECK(false && "it was removed"); });
    ws.on_ping(nullptr);
    ws.on_pong(std::function<void()>()); // an empty one removes
    ws.on_error(static_cast<void (*)()>(nullptr));
    ws.connect();
    dispatch_until(loop, [&] { return by_reference.messages == 2; });
    ws.send("ping me");
    ws.ping();
    while (ws.counter(wsc::counter::pings_received) == 0) {
        loop.dispatch(1s);
    }
    ws.close();
    loop.run();
    CHECK(*seen == 1);
}

TEST(a_handler_replaces_itself)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    auto token = std::make_shared<int>(0);
    ws.on_handshake([&] { ws.send("one"); });
    ws.on_message([&, token](wsc::connection_ref conn) {
        conn.on_message([&](wsc::message message) {
            CHECK(message.data() == "two");
            ws.close();
        });
        *token += 1; // what runs is not destroyed yet
        conn.send("two");
    });
    ws.connect();
    loop.run();
    CHECK(*token == 1 && token.use_count() == 1);
}

static void free_in_each_handler(wsc::callbacks where)
{
    using wsc::event_type;
    for (int which = WSC_EVENT_CONNECT; which <= WSC_EVENT_CLOSE; which += 1) {
        wsc::loop loop(where);
        loop.set_standby_grace(wsc::forever);
        loop.set_busy_poll(std::chrono::microseconds(20));
        wsc::connection ws(loop, url());
        auto token = std::make_shared<int>(0);
        std::promise<void> freed;
        const auto free_at = [&](event_type type, std::function<void()> otherwise = {}) {
            return [&ws, type, which, otherwise, token](wsc::event happened) {
                CHECK(happened.type() == type && ws);
                if (static_cast<int>(type) == which) {
                    ws.reset();
                    *token += 1;
                } else if (otherwise) {
                    otherwise();
                }
            };
        };
        // A message that is sent before the handshake has to wait, and in some
        // rounds the limit is one byte.
        const bool is_full = which == WSC_EVENT_BUFFER_FULL || which == WSC_EVENT_BUFFER_DRAIN;
        if (is_full) {
            ws.set_send_queue_limit(1);
        }
        ws.on_connect(free_at(event_type::connect));
        ws.on_handshake(free_at(event_type::handshake, [&] {
            switch (which) {
            case WSC_EVENT_MESSAGE: ws.send("hello"); break;
            case WSC_EVENT_PING: ws.send("ping me"); break;
            case WSC_EVENT_PONG: ws.ping(); break;
            case WSC_EVENT_ERROR: ws.send("reset me"); break;
            case WSC_EVENT_CLOSE: ws.close(); break;
            default: break;
            }
        }));
        ws.on_message(free_at(event_type::message));
        ws.on_ping(free_at(event_type::ping));
        ws.on_pong(free_at(event_type::pong));
        ws.on_buffer_full(free_at(event_type::buffer_full));
        ws.on_buffer_drain(free_at(event_type::buffer_drain));
        ws.on_error(free_at(event_type::error));
        ws.on_close(free_at(event_type::close));
        ws.on_free([] { CHECK(false && "it was replaced"); });
        ws.on_free([&freed] { freed.set_value(); });
        if (is_full) {
            ws.send("hello");
        }
        ws.connect();
        loop.run();
        wait_for(freed.get_future());
        CHECK(*token == 1 && token.use_count() == 1 && !ws);
    }
}

TEST(free_inside_handlers)
{
    free_in_each_handler(wsc::callbacks::on_dispatch);
}

TEST(free_inside_handlers_on_the_thread)
{
    free_in_each_handler(wsc::callbacks::on_thread);
}

TEST(destroy_the_loop_inside_a_handler)
{
    for (const bool is_run : {true, false}) {
        auto loop = std::make_unique<wsc::loop>();
        wsc::connection ws(*loop, url());
        bool is_thrown = false;
        ws.on_connect([&] {
            loop.reset();
            throw std::runtime_error("after its loop");
        });
        ws.connect();
        try {
            if (is_run) {
                loop->run();
            } else {
                while (true) {
                    loop->dispatch();
                }
            }
        } catch (const std::runtime_error &error) {
            is_thrown = error.what() == std::string("after its loop");
        }
        CHECK(is_thrown && !loop);
        CHECK_THROWS(ws.connect(), wsc::status::state);
        CHECK_THROWS(ws.on_message([] {}), wsc::status::state);
    }
}

TEST(handlers_die_with_their_connection)
{
    auto token = std::make_shared<int>(0);
    wsc::loop loop;
    {
        wsc::connection ws(loop, url());
        ws.on_message([token] {});
        ws.on_close([token] {});
        ws.on_free([token] {});
        CHECK(token.use_count() == 4);
        ws.on_close(nullptr);
        ws.on_free(nullptr);
        CHECK(token.use_count() == 2);
    }
    CHECK(token.use_count() == 1);

    // Connections may outlive their loop.
    wsc::connection late(loop, url());
    late.on_close([token] {});
    late.connect();
    loop = wsc::loop();
    CHECK(token.use_count() == 2);
    late.reset();
    CHECK(token.use_count() == 1);
}

TEST(a_forked_child_runs_no_more_handlers)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    pid_t child = -1;
    int messages = 0;
    ws.on_handshake([&] {
        for (int sent = 0; sent < 20; sent += 1) {
            ws.send("hello");
        }
        ws.send("close me");
    });
    ws.on_message([&] {
        CHECK(child != 0 && "the rest is the parent's");
        messages += 1;
        if (child == -1) {
            child = fork();
        }
    });
    ws.connect();
    const wsc::status result = status_of([&] { loop.run(); });
    if (child == 0) {
        CHECK(result == wsc::status::forked);
        CHECK_THROWS(loop.run(), wsc::status::forked);
        CHECK_THROWS(ws.send("late"), wsc::status::forked);
        _exit(0);
    }
    CHECK(result == wsc::status::ok && messages == 20);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
