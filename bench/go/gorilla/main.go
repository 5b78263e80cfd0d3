// gorilla/websocket, as its documentation uses it.
package main

import (
	"github.com/gorilla/websocket"

	"libwsc/bench"
)

type conn struct {
	*websocket.Conn
	messageType int
}

func (c conn) Receive(take func(message []byte) bool) error {
	return bench.ReceiveAll(func() ([]byte, error) {
		_, message, err := c.ReadMessage()
		return message, err
	}, take)
}

func (c conn) Send(payload []byte) error {
	return c.WriteMessage(c.messageType, payload)
}

func main() {
	bench.Run(func(b *bench.Bench) (bench.Conn, error) {
		dialer := websocket.Dialer{EnableCompression: b.Deflate}
		if b.Connections == 1 {
			// Its documentation advises buffers for the traffic that is expected.
			dialer.ReadBufferSize, dialer.WriteBufferSize = 64*1024, 64*1024
		}
		messageType := websocket.BinaryMessage
		if b.Deflate {
			messageType = websocket.TextMessage
		}
		c, _, err := dialer.Dial(b.URL, nil)
		return conn{c, messageType}, err
	})
}
