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
	own    bool // data is an allocation of its own, and not of an inbox
	lent   bool // data began in the memory that ReadInto was given
	data   []byte
}

// An inbox is messages with the memory of the small ones.
type inbox struct {
	messages []message
	bytes    []byte
}

// reserve makes room for as many messages, and payloads of n bytes together.
func (b *inbox) reserve(messages, n int) {
	if !b.isLarge() && (messages > keptMessages || n > keptBytes) {
		if room, ok := rooms.Get().(*inbox); ok {
			room.messages = append(room.messages, b.messages...)
			*b = *room
		}
	}
	if cap(b.bytes)-len(b.bytes) < n {
		// The old memory stays with the messages that have theirs in it.
		b.bytes = make([]byte, 0, n+cap(b.bytes))
	}
}

// add copies a whole message. There is room for it.
func (b *inbox) add(event *C.wsc_event_t) {
	m := message{typ: MessageType(event.message_type), begins: true, ends: true}
	data := borrowed(event)
	if len(data) > largestShared {
		m.own = true
		m.data = append([]byte(nil), data...) // not zeroed first
	} else {
		start := len(b.bytes)
		b.bytes = append(b.bytes, data...)
		m.data = b.bytes[start:]
	}
	b.messages = append(b.messages, m)
}

// empty makes the memory free for other messages.
func (b *inbox) empty() {
	b.messages, b.bytes = b.messages[:0], b.bytes[:0]
}

// isLarge tells whether there is more room than an idle connection keeps.
func (b *inbox) isLarge() bool {
	return cap(b.messages) > keptMessages || cap(b.bytes) > keptBytes
}

// giveBack gives the room of a burst that is over to who needs it next.
func (b *inbox) giveBack() {
	if b.isLarge() {
		room := *b
		room.empty()
		*b = inbox{}
		rooms.Put(&room)
	}
}

const (
	// defaultReadLimit is how large a message may be unless somebody says so.
	defaultReadLimit = 16 << 20
	// defaultQueueLimit is from how many bytes of messages that wait for Read on the
	// socket is not read.
	defaultQueueLimit = 256 << 10
	// messageCost is what a message counts beside its payload.
	messageCost = 64
	// After a poll of its own that was in vain a reader does without a few times; where
	// it waited in the poll they are more with each that follows.
	fewestSkipped = 8
	mostSkipped   = 1024
	// keptMessages and keptBytes are the room that an idle connection keeps.
	keptMessages = 16
	keptBytes    = 512
	// largestShared is up to which size payloads share the memory of an inbox.
	largestShared = 4096
	// Payloads up to smallPayload that Read returns share an allocation of at most
	// slabSize, so that a burst of small messages costs few; one that the user keeps
	// holds no more.
	smallPayload = 512
	slabSize     = 4096
)

// rooms are of connections that had much to hold, for the next such.
var rooms sync.Pool // of *inbox

// Read returns the next message, and waits for it until ctx is done. The bytes are
// the caller's; a program that is through with them before it reads again saves their
// allocation with ReadInto.
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
	if !m.own {
		m.data = c.copyOut(m.data)
	}
	return m.typ, m.data, nil
}

// ReadInto is Read into memory of the caller's: the message is put into buf, in place of
// what is there, or into new memory if buf has not the capacity. A program that is
// through with a message before it asks for the next passes what it got from the last
// call, and nothing is allocated for each message. What buf held is lost with an error, too.
func (c *Conn) ReadInto(ctx context.Context, buf []byte) (MessageType, []byte, error) {
	if err := c.skipRest(ctx); err != nil {
		return 0, nil, failed("read", err)
	}
	c.into = buf[:0]
	m, err := c.take(ctx, aMessage)
	c.into = nil
	if err != nil {
		return 0, nil, failed("read", err)
	}
	if m.lent || m.own && len(m.data) > cap(buf) {
		return m.typ, m.data, nil
	}
	return m.typ, append(buf[:0], m.data...), nil
}

// copyOut copies a payload, that of the last message taken, out of the batch's memory.
func (c *Conn) copyOut(data []byte) []byte {
	n := len(data)
	if n > smallPayload {
		return append([]byte(nil), data...)
	}
	if c.slab == nil || len(c.slab) < n {
		c.slab = make([]byte, n+c.smallPayloads(slabSize-n))
	}
	payload := c.slab[:n:n]
	c.slab = c.slab[n:]
	copy(payload, data)
	return payload
}

// smallPayloads is how many bytes the next small messages of the batch have together,
// as far as they are no more than most.
func (c *Conn) smallPayloads(most int) int {
	size := 0
	for i := range c.batch.messages[c.next:] {
		m := &c.batch.messages[c.next+i]
		n := len(m.data)
		if m.own || n > smallPayload {
			continue
		}
		if size+n > most {
			break
		}
		size += n
	}
	return size
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
	if !m.own {
		m.data = c.copyOut(m.data) // the reader may be used longer than the batch
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
	for c.next == len(c.batch.messages) || c.closed.Load() {
		if err := c.fill(ctx, what); err != nil {
			return message{}, err
		}
	}
	m := c.batch.messages[c.next]
	c.batch.messages[c.next] = message{}
	c.next++
	c.inMessage = !m.ends
	return m, nil
}

// fill takes all that waits and is wanted, so that the lock is not needed for each.
func (c *Conn) fill(ctx context.Context, what awaited) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slab = nil
	c.lent = c.into
	err := c.awaitReceived(ctx, what)
	c.lent = nil
	used := c.batch
	used.empty()
	c.batch, c.next = inbox{}, 0
	if err != nil {
		c.takeBack()
		return err
	}
	n := c.available(what)
	rest := c.queue.messages[n:]
	c.batch, c.queue = c.queue, used
	c.batch.messages = c.batch.messages[:n]
	c.queued = 0
	if len(rest) > 0 { // a message that lacks its end, which has memory of its own
		c.queue.messages = append(c.queue.messages, rest[0])
		c.queued = rest[0].cost()
		rest[0] = message{}
	}
	c.resume()
	return nil
}

// awaitReceived is await for messages, which polls for them before it waits. Where that
// is in vain, because answers take longer, the next times do without. The lock is held
// before and after.
func (c *Conn) awaitReceived(ctx context.Context, what awaited) error {
	if c.has(what) || c.err != nil {
		return c.await(ctx, what)
	}
	c.batch.giveBack()
	if len(c.queue.messages) == 0 {
		c.queue.giveBack()
	}
	if c.skipPolls--; c.skipPolls < 0 {
		c.wants = what
		wait := c.loop.users.Load() <= fewUsers
		for more := true; more; {
			before := c.queued
			c.resume()
			c.mu.Unlock()
			c.loop.pollFor(c, wait)
			c.mu.Lock()
			// Where a part came the next one is about to.
			more = wait && c.queued > before && !c.has(what) && c.err == nil && ctx.Err() == nil
		}
		switch {
		case c.has(what) || !wait:
			c.nextSkip = fewestSkipped
		case c.nextSkip < mostSkipped:
			c.nextSkip *= 2
		}
		if !c.has(what) {
			c.skipPolls = c.nextSkip
		}
	}
	return c.await(ctx, what)
}

// waits tells whether what the goroutine that reads waits for has still not come.
func (c *Conn) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.has(c.wants) && c.err == nil
}

// available is how many of the queue may be taken: all but a message that lacks its
// end, which is taken alone and only by who wants parts. The lock is held.
func (c *Conn) available(what awaited) int {
	n := len(c.queue.messages)
	if n > 0 && !c.queue.messages[n-1].ends && (n > 1 || what == aMessage) {
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
func (c *Conn) push(events []C.wsc_event_t) {
	small := 0
	for i := range events {
		n := int(events[i].len)
		if n <= largestShared {
			small += n
		}
	}
	c.mu.Lock()
	if c.closed.Load() {
		c.mu.Unlock()
		return
	}
	c.queue.reserve(len(events), small)
	for i := range events {
		c.queue.add(&events[i])
		c.queued += int(events[i].len) + messageCost
	}
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
	if m := c.incoming(); m != nil {
		m.data = append(c.room(m.data, len(data)), data...)
		m.ends = ends
		if ends && !m.lent && cap(m.data) > 2*len(m.data) {
			m.data = append([]byte(nil), m.data...) // there was room for a larger one
		}
		c.queued += len(data)
	} else {
		m := message{typ: MessageType(event.message_type), begins: begins, ends: ends, own: true}
		if begins && c.wants == aMessage {
			m.data, m.lent = c.roomForFirst(len(data))
		}
		m.data = append(m.data, data...)
		c.queue.messages = append(c.queue.messages, m)
		c.queued += m.cost()
	}
	if ends {
		c.largest = c.received
	}
	c.pushed()
}

// spare is the room that is left for the message that comes in, if one does.
func (c *Conn) spare() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.incoming(); m != nil {
		return m.data[len(m.data):cap(m.data)]
	}
	return nil
}

// filled takes n bytes of the message that comes in, which are in its spare room already.
func (c *Conn) filled(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Not if it was dropped meanwhile.
	if m := c.incoming(); m != nil {
		m.data = m.data[:len(m.data)+n]
		c.received += n
		c.queued += n
	}
}

// incoming is the message in the queue that lacks its end, nil without one. The lock is held.
func (c *Conn) incoming() *message {
	last := len(c.queue.messages) - 1
	if last < 0 || c.queue.messages[last].ends {
		return nil
	}
	return &c.queue.messages[last]
}

// roomForFirst is the room for a message that begins with n bytes, and whether it is the
// memory of who waits for it. The lock is held.
func (c *Conn) roomForFirst(n int) ([]byte, bool) {
	// A message that has others before it is not the one that is waited for.
	if len(c.queue.messages) == 0 && cap(c.lent) >= n && cap(c.lent) >= c.largest {
		return c.lent, true
	}
	return c.room(nil, n), false
}

// takeBack ends the use of the memory that was lent by a call that has failed: a message that
// has begun in it is for another call, though its end may have come meanwhile. The lock is
// held.
func (c *Conn) takeBack() {
	if len(c.queue.messages) == 0 {
		return
	}
	// Only the first one can have it: see roomForFirst.
	if m := &c.queue.messages[0]; m.lent {
		m.data, m.lent = append([]byte(nil), m.data...), false
	}
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
	if c.queued >= c.queueLimit && !c.paused && !c.over && c.wants != aMessage {
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
