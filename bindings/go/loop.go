package wsc

/*
#include <stdlib.h>
#include <string.h>
#include "wsc.h"

#define WSCGO_BATCH 256

// In C memory, so that a poll passes no Go pointer to a pointer.
typedef struct {
    wsc_loop_t *loop;
    size_t first; // of the events that are to be delivered
    size_t count;
    size_t filled;
    wsc_event_t events[WSCGO_BATCH];
} wscgo_batch_t;

enum { WSCGO_MOST_POLLS = 16 };

static wsc_status_t wscgo_poll(wscgo_batch_t *batch, int32_t timeout_ms)
{
    batch->first = batch->count = 0;
    return wsc_loop_poll(batch->loop, batch->events, WSCGO_BATCH, timeout_ms, &batch->count);
}

static int wscgo_goes_on(const wsc_event_t *event, uint64_t conn_id)
{
    return event->conn_id == conn_id && event->type == WSC_EVENT_MESSAGE && event->part == WSC_PART_MORE;
}

// Polls for the rest of a message: its parts go into the room there is for it, and as long as
// nothing else comes the next poll follows without a way to Go and back.
static wsc_status_t wscgo_poll_rest(wscgo_batch_t *batch, int32_t timeout_ms, uint64_t conn_id,
                                    char *room, size_t size)
{
    int polls;
    batch->filled = 0;
    for (polls = 0; polls < WSCGO_MOST_POLLS; polls++) {
        wsc_status_t status = wscgo_poll(batch, timeout_ms);
        if (status != WSC_OK)
            return status;
        for (; batch->first < batch->count; batch->first++) {
            const wsc_event_t *event = &batch->events[batch->first];
            if (!wscgo_goes_on(event, conn_id) || event->len > size - batch->filled)
                return WSC_OK;
            memcpy(room + batch->filled, event->data, event->len);
            batch->filled += event->len;
        }
        if (batch->count == 0)
            break;
    }
    return WSC_OK;
}
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// linger is how long a loop without connections is kept: a program that dials
// again and again should not start a thread and read the trust store each time.
const linger = 10 * time.Second

// shared is the loop of all connections.
var shared struct {
	mu    sync.Mutex
	loop  *loop
	users int
	timer *time.Timer
}

// A loop polls one loop of the library and gives its events to the connections.
//
// A goroutine of its own waits in Go's poller and polls when there is something. A
// reader that finds nothing polls itself and waits there for a moment: the answer to
// what was just sent is often about to come, and then no other goroutine has to run.
type loop struct {
	native  *C.wsc_loop_t
	file    *os.File // a duplicate of the loop's descriptor, for Go's poller
	stop    atomic.Bool
	stopped chan struct{}

	mu    sync.Mutex
	conns map[uint64]*Conn

	// polling is held by who polls, until the events are delivered; missed says that
	// the loop's goroutine came meanwhile.
	polling sync.Mutex
	missed  atomic.Bool
	freed   bool
	batch   *C.wscgo_batch_t

	users atomic.Int32 // the size of conns
}

// useLoop gives the shared loop to one more connection.
func useLoop() (*loop, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.timer != nil {
		shared.timer.Stop()
		shared.timer = nil
	}
	if shared.loop == nil {
		l, err := newLoop()
		if err != nil {
			return nil, err
		}
		shared.loop = l
		shared.users = 0
	}
	shared.users++
	return shared.loop, nil
}

// leave takes back useLoop.
func (l *loop) leave() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.loop != l {
		return
	}
	shared.users--
	if shared.users == 0 {
		shared.timer = time.AfterFunc(linger, CloseIdle)
	}
}

// CloseIdle frees the loop that connections share, if there is no connection: its
// goroutine, its thread and its descriptors. Without it that happens some seconds
// after the last connection ended. The next Dial makes a new loop.
func CloseIdle() {
	if l := stopIdle(); l != nil {
		// Not under the lock, which a loop that fails takes.
		<-l.stopped
	}
}

// stopIdle asks the shared loop to end, unless it is in use.
func stopIdle() *loop {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.loop == nil || shared.users > 0 {
		return nil
	}
	if shared.timer != nil {
		shared.timer.Stop()
		shared.timer = nil
	}
	l := shared.loop
	shared.loop = nil
	l.stop.Store(true)
	C.wsc_loop_wake(l.native)
	return l
}

// Version tells the version of the library, such as "0.1.0".
func Version() string { return C.GoString(C.wsc_version()) }

func newLoop() (*loop, error) {
	if abi := C.wsc_abi_version(); abi != C.WSC_ABI_VERSION {
		return nil, fmt.Errorf("libwsc %s has ABI %d, this package was built for %d",
			Version(), abi, int(C.WSC_ABI_VERSION))
	}
	l := &loop{stopped: make(chan struct{}), conns: make(map[uint64]*Conn)}
	if err := statusError(C.wsc_loop_new(C.WSC_CALLBACKS_ON_DISPATCH, &l.native)); err != nil {
		return nil, err
	}
	if err := l.watch(); err != nil {
		C.wsc_loop_free(l.native)
		return nil, err
	}
	l.batch = (*C.wscgo_batch_t)(C.calloc(1, C.sizeof_wscgo_batch_t))
	l.batch.loop = l.native
	raw, err := l.file.SyscallConn()
	if err != nil {
		l.free()
		return nil, err
	}
	go l.run(raw)
	return l, nil
}

// watch duplicates the loop's descriptor for Go's poller, which closes what it has.
func (l *loop) watch() error {
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL,
		uintptr(C.wsc_loop_fd(l.native)), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return os.NewSyscallError("fcntl", errno)
	}
	// os.NewFile leaves a blocking descriptor out of the poller.
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		syscall.Close(int(fd))
		return os.NewSyscallError("fcntl", err)
	}
	l.file = os.NewFile(fd, "wsc loop")
	return nil
}

// free ends in the order that the library asks for: the duplicate first.
func (l *loop) free() {
	l.polling.Lock()
	defer l.polling.Unlock()
	l.freed = true
	l.file.Close()
	C.wsc_loop_free(l.native)
	C.free(unsafe.Pointer(l.batch))
}

// run is the goroutine of the loop. It waits in Go's poller, and holds a thread
// only while there is work.
func (l *loop) run(raw syscall.RawConn) {
	defer close(l.stopped)
	defer l.free()
	var failure error
	err := raw.Read(func(uintptr) bool {
		for !l.stop.Load() {
			l.missed.Store(true)
			if !l.polling.TryLock() {
				return false // who polls will see it
			}
			l.missed.Store(false)
			count, err := l.poll(0)
			l.polling.Unlock()
			if err != nil {
				failure = err
				return true
			}
			// Go's poller tells of changes only, so what there is has to be done.
			if count == 0 {
				return l.stop.Load()
			}
			runtime.Gosched() // to those who wait for the events, before there are more
		}
		return true
	})
	if failure == nil {
		failure = err
	}
	if failure != nil {
		l.fail(failure)
	}
}

const (
	// moment is how long a reader waits in a poll, in ms. Go takes the processor from
	// it earlier if there is other work.
	moment = 1
	// fewUsers is up to how many connections readers wait in polls; with more each
	// answer would be fetched alone.
	fewUsers = 16
)

// pollFor polls for the reader of a connection, unless somebody else polls, and where
// wait is set waits a moment for something to come. An error is for run to find.
func (l *loop) pollFor(c *Conn, wait bool) {
	timeout := C.int32_t(0)
	if wait {
		runtime.Gosched() // to those who have something to do
		timeout = moment
	}
	for first := true; l.polling.TryLock(); first = false {
		l.missed.Store(false)
		switch {
		case l.freed:
		case !first:
			l.poll(0)
		case c.waits():
			l.pollRest(c, timeout)
		}
		l.polling.Unlock()
		if !l.missed.Load() {
			return
		}
	}
}

// poll delivers the events there are, up to a batch of them, and tells how many there
// were. polling is held.
func (l *loop) poll(timeout C.int32_t) (count int, err error) {
	if err := statusError(C.wscgo_poll(l.batch, timeout)); err != nil {
		return 0, err
	}
	count = int(l.batch.count)
	l.deliver(l.batch.events[:count])
	return count, nil
}

// pollRest is poll, of which parts of the message that comes in on c go straight to where
// it is put together.
func (l *loop) pollRest(c *Conn, timeout C.int32_t) {
	room := c.spare()
	if len(room) == 0 {
		l.poll(timeout)
		return
	}
	id, size := C.uint64_t(c.id), C.size_t(len(room))
	status := C.wscgo_poll_rest(l.batch, timeout, id, (*C.char)(unsafe.Pointer(&room[0])), size)
	c.filled(int(l.batch.filled))
	if statusError(status) == nil {
		l.deliver(l.batch.events[l.batch.first:l.batch.count])
	}
}

// fail ends every connection, because the loop can serve them no more.
func (l *loop) fail(reason error) {
	shared.mu.Lock()
	if shared.loop == l {
		shared.loop = nil
	}
	shared.mu.Unlock()
	l.mu.Lock()
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for _, c := range conns {
		c.end(reason, reason)
	}
}

// start makes a connection known to the loop and connects it.
func (l *loop) start(c *Conn) error {
	l.mu.Lock()
	if l.conns == nil {
		l.mu.Unlock()
		return &Error{Status: StatusState}
	}
	l.conns[c.id] = c
	l.users.Store(int32(len(l.conns)))
	l.mu.Unlock()
	return statusError(C.wsc_conn_connect(c.native))
}

// forget takes a connection from the loop.
func (l *loop) forget(c *Conn) {
	l.mu.Lock()
	delete(l.conns, c.id)
	l.users.Store(int32(len(l.conns)))
	l.mu.Unlock()
	l.leave()
}

func (l *loop) find(id C.uint64_t) *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns[uint64(id)]
}

// deliver gives a batch of events to the connections they belong to.
func (l *loop) deliver(events []C.wsc_event_t) {
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].conn_id == events[0].conn_id {
			n++
		}
		if c := l.find(events[0].conn_id); c != nil {
			l.deliverTo(c, events[:n])
		}
		events = events[n:]
	}
}

// deliverTo takes the connection's lock once for all messages in a row.
func (l *loop) deliverTo(c *Conn, events []C.wsc_event_t) {
	for len(events) > 0 {
		n := 0
		for n < len(events) && isWhole(&events[n]) {
			n++
		}
		switch {
		case n > 0:
			c.push(events[:n])
		case events[0]._type == C.WSC_EVENT_MESSAGE:
			n = 1
			c.pushPart(&events[0])
		default:
			n = 1
			c.handle(&events[0])
		}
		events = events[n:]
	}
}

// isWhole tells whether the event is a message, and not a part of one.
func isWhole(event *C.wsc_event_t) bool {
	return event._type == C.WSC_EVENT_MESSAGE && event.part == C.WSC_PART_WHOLE
}

// borrowed is the data of an event, in the library's memory.
func borrowed(event *C.wsc_event_t) []byte {
	return unsafe.Slice((*byte)(event.data), int(event.len))
}

// dataOf copies the data of an event.
func dataOf(event *C.wsc_event_t) []byte {
	return append([]byte(nil), borrowed(event)...)
}
