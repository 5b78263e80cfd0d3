package wsc

// #include <stdlib.h>
// #include "wsc.h"
import "C"

import (
	"context"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A MessageType says whether a message is text or binary.
type MessageType int32

const (
	// Text is for messages of UTF-8, which is checked in both directions.
	Text MessageType = C.WSC_MESSAGE_TEXT
	// Binary is for messages of any bytes.
	Binary MessageType = C.WSC_MESSAGE_BINARY
	// NoCompress is for Write and Writer, as in Text|NoCompress: this message is not
	// compressed, because it is already or because it has secrets.
	NoCompress MessageType = 1 << 16
)

// String is "text" or "binary".
func (t MessageType) String() string {
	switch t &^ NoCompress {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return "invalid"
}

// A Conn is a WebSocket connection. Dial makes it; its methods may be called from
// any goroutine, Read and Reader from one at a time.
type Conn struct {
	native *C.wsc_conn_t
	id     uint64
	loop   *loop
	// uses counts the calls that use the handle, and one for the connection's life.
	// The call that takes it to 0 frees the handle.
	uses atomic.Int64
	// closed tells that Close or CloseNow was called: messages are dropped.
	closed      atomic.Bool
	queueLimit  int // from how many bytes in queue on the socket is not read
	subprotocol string
	extensions  string

	// Of the goroutine that reads.
	batch     inbox          // taken from queue
	next      int            // the first of batch that was not taken yet
	slab      []byte         // for what Read returns
	into      []byte         // the memory that ReadInto was given
	reader    *messageReader // the last one that Reader returned
	inMessage bool           // a part of a message was taken, and not yet its end
	skipPolls int            // how many times to wait without a poll before
	nextSkip  int            // skipPolls after the next poll that is in vain

	mu       sync.Mutex
	queue    inbox         // of which only the last one may lack its end
	queued   int           // what queue counts against queueLimit
	received int           // bytes of the message that is coming in, so far
	largest  int           // bytes of the last one that came in parts
	lent     []byte        // into, while its call waits for a message
	paused   bool          // the library does not read
	wants    awaited       // what a goroutine in await, or in a poll before, waits for
	asleep   bool          // it waits for wake
	wake     chan struct{} // has room for one
	head     []byte        // the response head, from the handshake to the end of Dial
	opened   bool
	failure  *Error // told by an error event; the close event follows
	err      error  // why calls fail
	over     bool   // done is closed
	result   error  // of Close
	report   *Report
	drained  chan struct{} // closed when the send queue is empty again; nil if nobody waits
	writer   *messageWriter
	writers  int // how many were closed
	pings    map[string]chan struct{}
	done     chan struct{}
}

// What a goroutine waits for in await.
type awaited int8

const (
	nothing awaited = iota
	opening
	aPart
	aMessage
)

// acquire begins a use of the handle; it fails when the connection is over.
func (c *Conn) acquire() bool {
	for {
		uses := c.uses.Load()
		if uses == 0 {
			return false
		}
		if c.uses.CompareAndSwap(uses, uses+1) {
			return true
		}
	}
}

func (c *Conn) release() {
	if c.uses.Add(-1) == 0 {
		C.wsc_conn_free(c.native)
	}
}

// await waits until what is awaited is there, the connection has an error or ctx is
// done. The lock is held before and after.
func (c *Conn) await(ctx context.Context, what awaited) error {
	c.wants = what
	defer func() { c.wants = nothing }()
	for {
		if c.has(what) {
			return nil
		}
		if c.err != nil {
			return c.err
		}
		c.asleep = true
		// Of a message that is larger than the queue the rest is needed now.
		c.resume()
		c.mu.Unlock()
		select {
		case <-c.wake:
			c.mu.Lock()
		case <-ctx.Done():
			c.mu.Lock()
			if !c.asleep {
				<-c.wake
			}
			c.asleep = false
			return ctx.Err()
		}
	}
}

// has tells whether what is awaited is there. The lock is held.
func (c *Conn) has(what awaited) bool {
	if what == opening {
		return c.opened
	}
	return c.available(what) > 0
}

// notify wakes the goroutine in await if it has something to do. The lock is held.
func (c *Conn) notify() {
	if c.asleep && (c.err != nil || c.has(c.wants)) {
		c.asleep = false
		c.wake <- struct{}{}
	}
}

// reason is why the connection cannot be used.
func (c *Conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.failure != nil:
		return c.failure
	}
	// The library knows of the end already, its event is on the way.
	return &Error{Status: StatusState, Text: "the connection is ending"}
}

// lastPing numbers the pings of all connections.
var lastPing atomic.Uint64

// pingPrefix tells the pongs for Ping from those for the library's own pings, which are
// numbers.
const pingPrefix = "wsc ping "

// Ping sends a ping and waits for its pong, until ctx is done. While the messages
// that wait for Read are at their limit the pong is not seen, so some goroutine must
// be reading.
func (c *Conn) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return failed("ping", err)
	}
	payload := strconv.AppendUint([]byte(pingPrefix), lastPing.Add(1), 10)
	pong := make(chan struct{})
	c.mu.Lock()
	if c.pings == nil {
		c.pings = make(map[string]chan struct{})
	}
	c.pings[string(payload)] = pong
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pings, string(payload))
		c.mu.Unlock()
	}()

	ping := func() Status {
		return Status(C.wsc_conn_ping(c.native, unsafe.Pointer(&payload[0]), C.size_t(len(payload))))
	}
	if err := c.send(ctx, ping); err != nil {
		return failed("ping", err)
	}
	select {
	case <-pong:
		return nil
	case <-c.done:
		return failed("ping", c.reason())
	case <-ctx.Done():
		return failed("ping", ctx.Err())
	}
}

// Close ends the connection with the close handshake: what was written goes out, then
// a close frame, and Close waits for the peer's. It returns nil if both sides sent one,
// whoever began, and the reason otherwise. The wait is limited by
// [DialOptions].CloseTimeout.
//
// code is CloseNormal or one from 3000 to 4999, or 0 to send none; reason is UTF-8, at
// most 123 bytes. With other values Close returns an *Error and does nothing.
//
// Messages that were not read are dropped, and a Read that waits returns ErrClosed.
// Close may be called more than once: all calls wait for the same end.
func (c *Conn) Close(code CloseCode, reason string) error {
	if err := c.shut(code, reason); err != nil {
		return failed("close", err)
	}
	<-c.done
	if c.result != nil {
		return failed("close", c.result)
	}
	return nil
}

// shut begins to close.
func (c *Conn) shut(code CloseCode, reason string) error {
	if code < 0 || code > math.MaxUint16 {
		return &Error{Status: StatusCloseCode}
	}
	text := C.CBytes([]byte(reason))
	defer C.free(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.closed.Load() {
		return nil
	}
	// The handle lives: the connection is not over.
	status := C.wsc_conn_close(c.native, C.uint16_t(code), text, C.size_t(len(reason)))
	// State: the library has ended the connection, and its event is on the way.
	if Status(status) != statusOK && Status(status) != StatusState {
		return statusError(status)
	}
	c.drop()
	return nil
}

// CloseNow ends the connection at once, without the close handshake, and frees what it
// held. It never waits. It does nothing if the connection is over.
func (c *Conn) CloseNow() {
	c.end(ErrClosed, ErrClosed)
	c.mu.Lock()
	c.drop()
	c.mu.Unlock()
}

// drop makes calls fail with ErrClosed and drops messages. The lock is held.
func (c *Conn) drop() {
	c.closed.Store(true)
	c.queue = inbox{}
	if c.err == nil {
		c.err = ErrClosed
	}
	// A peer that is held up could not answer the close frame.
	c.resume()
	c.notify()
}

// Subprotocol is what the server chose of [DialOptions].Subprotocols, "" if nothing.
func (c *Conn) Subprotocol() string { return c.subprotocol }

// Extensions is what the server chose of the extensions, with their parameters, such as
// "permessage-deflate; server_no_context_takeover", "" if nothing.
func (c *Conn) Extensions() string { return c.extensions }

// handle takes an event that is no message from the loop.
func (c *Conn) handle(event *C.wsc_event_t) {
	switch event._type {
	case C.WSC_EVENT_HANDSHAKE:
		c.mu.Lock()
		c.opened = true
		c.head = dataOf(event)
		c.notify()
		c.mu.Unlock()
	case C.WSC_EVENT_PONG:
		c.handlePong(event)
	case C.WSC_EVENT_BUFFER_DRAIN:
		c.mu.Lock()
		if c.drained != nil {
			close(c.drained)
			c.drained = nil
		}
		c.mu.Unlock()
	case C.WSC_EVENT_ERROR:
		c.mu.Lock()
		c.failure = errorOf(event)
		c.mu.Unlock()
	case C.WSC_EVENT_CLOSE:
		c.handleClose(event)
	}
}

func (c *Conn) handlePong(event *C.wsc_event_t) {
	payload := string(dataOf(event))
	c.mu.Lock()
	defer c.mu.Unlock()
	if pong, ok := c.pings[payload]; ok {
		delete(c.pings, payload)
		close(pong)
	}
}

func (c *Conn) handleClose(event *C.wsc_event_t) {
	report := c.Report() // CloseNow may free the handle meanwhile
	c.mu.Lock()
	c.report = report
	failure := c.failure
	c.mu.Unlock()
	if failure == nil && Status(event.status) != statusOK {
		failure = errorOf(event)
	}
	if failure != nil {
		// A copy: calls may have returned the one without the report.
		whole := *failure
		whole.Report = report
		c.end(&whole, &whole)
		return
	}
	reason := &CloseError{Code: CloseCode(event.code), Reason: string(dataOf(event))}
	if event.clean == 0 {
		c.end(reason, reason)
	} else {
		c.end(reason, nil)
	}
}

// end marks the connection as over, for a reason that calls will return unless there
// is one already, and frees its handle.
func (c *Conn) end(reason, result error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	if c.err == nil {
		c.err = reason
	}
	c.result = result
	close(c.done)
	c.notify()
	c.mu.Unlock()
	c.loop.forget(c)
	c.release()
}

// errorOf is what an error or close event says.
func errorOf(event *C.wsc_event_t) *Error {
	e := &Error{Status: Status(event.status), Phase: Phase(event.phase)}
	if event._type == C.WSC_EVENT_ERROR {
		e.Text = string(dataOf(event))
		e.HTTPStatus = int(event.code)
	}
	return e
}
