package wsc

// #include "wsc.h"
import "C"

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
)

// A message is a received message, or a part of one.
type message struct {
	typ    MessageType
	begins bool
	ends   bool
	data   []byte
}

const (
	// defaultReadLimit is how large a message may be unless somebody says so.
	defaultReadLimit = 16 << 20
	// defaultQueueLimit is from how many bytes of messages that wait for Read on the
	// socket is not read.
	defaultQueueLimit = 256 << 10
	// messageCost is what a message counts beside its payload.
	messageCost = 64
	// pollsSkipped is how many times a reader waits at once after a poll of its own that
	// found nothing.
	pollsSkipped = 8
	// keptMessages is how many messages' room an idle connection keeps.
	keptMessages = 16
)

// rooms are of connections that had many messages to hold, for the next such.
var rooms sync.Pool // of *[]message

// Read returns the next message, and waits for it until ctx is done. The bytes are
// the caller's.
//
// When ctx is done it returns its error, and nothing is lost: the message that comes
// later is for the next Read. When the connection has ended, Read first returns what
// came before, then, for ever, why it ended: a *CloseError, an *Error, or ErrClosed.
//
// One goroutine at a time may call Read or Reader.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	if err := c.skipRest(ctx); err != nil {
		return 0, nil, failed("read", err)
	}
	m, err := c.take(ctx, aMessage)
	if err != nil {
		return 0, nil, failed("read", err)
	}
	return m.typ, m.data, nil
}

// Reader returns a reader of the next message, and waits until ctx is done for its
// beginning. The rest may still be on its way: a message of any size can be read with
// little memory, though [Conn.SetReadLimit] holds for it, too.
//
// ctx is for the whole life of the reader. When it is done the reader's Read returns
// its error; the connection stays usable. At the end of the message Read returns
// io.EOF. The next call of Reader or Read drops what was not read of the message.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	if err := c.skipRest(ctx); err != nil {
		return 0, nil, failed("read", err)
	}
	m, err := c.take(ctx, aPart)
	if err != nil {
		return 0, nil, failed("read", err)
	}
	c.reader = &messageReader{ctx: ctx, conn: c, data: m.data, ends: m.ends}
	return m.typ, c.reader, nil
}

type messageReader struct {
	ctx  context.Context
	conn *Conn
	data []byte
	ends bool
}

var errReaderOver = errors.New("wsc: read: the next message was asked for")

func (r *messageReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.data) == 0 {
		switch {
		case r.ends:
			return 0, io.EOF
		case r.conn.reader != r:
			return 0, errReaderOver
		}
		m, err := r.conn.take(r.ctx, aPart)
		if err != nil {
			return 0, failed("read", err)
		}
		r.data, r.ends = m.data, m.ends
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

// skipRest drops what a reader left of its message.
func (c *Conn) skipRest(ctx context.Context) error {
	c.reader = nil
	for c.inMessage {
		if _, err := c.take(ctx, aPart); err != nil {
			return err
		}
	}
	return nil
}

// take takes the next message, or the next part of one.
func (c *Conn) take(ctx context.Context, what awaited) (message, error) {
	if err := ctx.Err(); err != nil {
		return message{}, err
	}
	for c.next == len(c.batch) || c.closed.Load() {
		if err := c.fill(ctx, what); err != nil {
			return message{}, err
		}
	}
	m := c.batch[c.next]
	c.batch[c.next] = message{}
	c.next++
	c.inMessage = !m.ends
	return m, nil
}

// fill takes all that waits and is wanted, so that the lock is not needed for each.
func (c *Conn) fill(ctx context.Context, what awaited) error {
	err := c.awaitReceived(ctx, what)
	defer c.mu.Unlock()
	used := c.batch[:0]
	c.batch, c.next = nil, 0
	if err != nil {
		return err
	}
	if n := c.available(what); n == len(c.queue) {
		c.batch, c.queue = c.queue, used
		c.queued = 0
	} else {
		unfinished := c.queue[n]
		c.queue[n] = message{}
		c.batch, c.queue = c.queue[:n], append(used, unfinished)
		c.queued = unfinished.cost()
	}
	c.resume()
	return nil
}

// awaitReceived is await for messages, which looks for them before it waits. Where that
// is in vain, because answers take longer, the next times do without.
func (c *Conn) awaitReceived(ctx context.Context, what awaited) error {
	c.mu.Lock()
	if !c.has(what) && c.err == nil {
		c.giveRoom()
		if c.skipPolls--; c.skipPolls < 0 {
			c.mu.Unlock()
			c.loop.tryPoll()
			c.mu.Lock()
			if !c.has(what) {
				c.skipPolls = pollsSkipped
			}
		}
	}
	return c.await(ctx, what)
}

// giveRoom gives back the room of a burst that is over.
func (c *Conn) giveRoom() {
	if cap(c.batch) > keptMessages {
		room := c.batch[:0]
		c.batch, c.next = nil, 0
		rooms.Put(&room)
	}
}

// available is how many of the queue may be taken: all but a message that lacks its
// end, which is taken alone and only by who wants parts. The lock is held.
func (c *Conn) available(what awaited) int {
	n := len(c.queue)
	if n > 0 && !c.queue[n-1].ends && (n > 1 || what == aMessage) {
		n--
	}
	return n
}

func (m *message) cost() int { return len(m.data) + messageCost }

// SetReadLimit sets how large a received message may be, in place of
// [DialOptions].ReadLimit; 0 is the default again, and with a negative limit any size is
// accepted. It may be raised and lowered at any time, and holds from the next frame on
// that comes in: not for messages that wait for Read already. A message above it ends
// the connection with StatusMessageTooBig and, for the peer, close code 1009. What is
// written has no limit.
func (c *Conn) SetReadLimit(bytes int64) {
	switch {
	case bytes < 0 || bytes > math.MaxInt:
		bytes = math.MaxInt
	case bytes == 0:
		bytes = defaultReadLimit
	}
	if c.acquire() {
		C.wsc_conn_set_max_receive_size(c.native, C.size_t(bytes))
		c.release()
	}
}

// push takes whole messages from the loop.
func (c *Conn) push(messages []message) {
	c.mu.Lock()
	if c.closed.Load() {
		c.mu.Unlock()
		return
	}
	for i := range messages {
		c.queued += messages[i].cost()
	}
	if len(messages) > keptMessages && cap(c.queue) == 0 {
		if room, ok := rooms.Get().(*[]message); ok {
			c.queue = *room
		}
	}
	c.queue = append(c.queue, messages...)
	c.pushed()
}

// pushPart takes a part of a message from the loop. It is added to what is there of
// the message, unless that was taken.
func (c *Conn) pushPart(event *C.wsc_event_t) {
	data := borrowed(event)
	begins, ends := event.part == C.WSC_PART_FIRST, event.part == C.WSC_PART_LAST
	c.mu.Lock()
	if c.closed.Load() {
		c.mu.Unlock()
		return
	}
	if begins {
		c.received = 0
	}
	c.received += len(data)
	if last := len(c.queue) - 1; last >= 0 && !c.queue[last].ends {
		m := &c.queue[last]
		m.data = append(c.room(m.data, len(data)), data...)
		m.ends = ends
		if ends && cap(m.data) > 2*len(m.data) {
			m.data = append([]byte(nil), m.data...) // there was room for a larger one
		}
		c.queued += len(data)
	} else {
		m := message{MessageType(event.message_type), begins, ends, append([]byte(nil), data...)}
		c.queue = append(c.queue, m)
		c.queued += m.cost()
	}
	if ends {
		c.largest = c.received
	}
	c.pushed()
}

// room makes room for n more bytes, and for as many as the last message had.
func (c *Conn) room(data []byte, n int) []byte {
	if len(data)+n <= cap(data) {
		return data
	}
	size := 2*cap(data) + n
	if size < c.largest {
		size = c.largest
	}
	return append(make([]byte, 0, size), data...)
}

// pushed ends a push, and releases the lock.
func (c *Conn) pushed() {
	if c.queued >= c.queueLimit && !c.paused && !c.over && c.waitsFor != aMessage {
		c.paused = true
		C.wsc_conn_pause_recv(c.native)
	}
	c.notify()
	c.mu.Unlock()
}

// resume takes back pause. The lock is held.
func (c *Conn) resume() {
	if c.paused && !c.over {
		C.wsc_conn_resume_recv(c.native)
	}
	c.paused = false
}
