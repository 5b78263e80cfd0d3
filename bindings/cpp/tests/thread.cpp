// A loop with a thread of its own.
#include "check.hpp"

TEST(callbacks_on_the_thread)
{
    wsc::loop loop(wsc::callbacks::on_thread);
    wsc::connection ws(loop, url());
    std::atomic<int> messages{0};
    std::thread::id where;
    ws.on_handshake([&] { where = std::this_thread::get_id(); });
    ws.on_message([&](wsc::connection_ref conn, wsc::message) {
        CHECK(std::this_thread::get_id() == where);
        messages += 1;
        if (messages == 400) {
            conn.close();
        }
    });
    ws.connect();
    std::vector<std::thread> senders;
    for (int sender = 0; sender < 4; sender += 1) {
        senders.emplace_back([&] {
            for (int count = 0; count < 100; count += 1) {
                ws.send("hello");
            }
        });
    }
    for (std::thread &sender : senders) {
        sender.join();
    }
    loop.run();
    CHECK(messages == 400);
    CHECK(where != std::this_thread::get_id());
    CHECK_THROWS(loop.dispatch(0ms), wsc::status::mode);
    wsc::event_batch batch(1);
    CHECK_THROWS(loop.poll(batch, 0ms), wsc::status::mode);
}

TEST(handlers_change_while_they_run)
{
    wsc::loop loop(wsc::callbacks::on_thread);
    wsc::connection ws(loop, url());
    std::atomic<int> messages{0};
    ws.on_handshake([](wsc::connection_ref conn) { conn.send("go"); });
    ws.on_message([](wsc::connection_ref conn) { conn.send("go"); });
    ws.connect();
    // The last ones may run after the close.
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (int round = 0; messages < 200; round += 1) {
        CHECK(std::chrono::steady_clock::now() < deadline);
        ws.on_message([&, round, text = std::to_string(round)](wsc::connection_ref conn) {
            CHECK(std::to_string(round) == text);
            messages += 1;
            static_cast<void>(conn.try_send("go"));
        });
        std::this_thread::yield();
    }
    wsc::connection moved(std::move(ws)); // and so does their connection
    moved.close();
    loop.run();
}

TEST(destroyed_while_it_runs)
{
    for (int round = 0; round < 20; round += 1) {
        std::atomic<int> messages{0}; // outlives the loop, which joins the thread
        wsc::loop loop(wsc::callbacks::on_thread);
        wsc::connection ws(loop, url());
        ws.on_handshake([](wsc::connection_ref conn) { conn.send("go"); });
        ws.on_message([&](wsc::connection_ref conn) {
            messages += 1;
            conn.send("go");
        });
        ws.connect();
        while (messages <= round) {
            std::this_thread::yield();
        }
    }
}

TEST(wake_and_stop)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    ws.connect();
    std::thread other([&] {
        loop.wake();
        loop.stop();
    });
    loop.run(); // the connection stays
    other.join();
    loop.stop();
    loop.run();
}
