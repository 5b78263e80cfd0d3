// lxzan/gws, as its documentation uses it: it calls a handler for each message.
package main

import (
	"github.com/lxzan/gws"

	"libwsc/bench"
)

type conn struct {
	gws.BuiltinEventHandler
	socket *gws.Conn
	opcode gws.Opcode
	take   func(message []byte) bool
	failed error
}

func (c *conn) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	if c.take != nil && !c.take(message.Bytes()) {
		c.take = nil
		socket.NetConn().Close()
	}
}

func (c *conn) OnClose(_ *gws.Conn, err error) {
	if c.take != nil {
		c.failed = err
	}
}

func (c *conn) Receive(take func(message []byte) bool) error {
	c.take = take
	c.socket.ReadLoop()
	return c.failed
}

func (c *conn) Send(payload []byte) error {
	return c.socket.WriteMessage(c.opcode, payload)
}

func main() {
	bench.Run(func(b *bench.Bench) (bench.Conn, error) {
		option := &gws.ClientOption{Addr: b.URL}
		if b.Connections == 1 {
			// For the traffic that is expected, as with the other peer in Go.
			option.ReadBufferSize = 64 * 1024
		}
		c := &conn{opcode: gws.OpcodeBinary}
		if b.Deflate {
			c.opcode = gws.OpcodeText
			option.PermessageDeflate = gws.PermessageDeflate{
				Enabled: true, ServerContextTakeover: true, ClientContextTakeover: true,
			}
		}
		var err error
		c.socket, _, err = gws.NewClient(c, option)
		return c, err
	})
}
