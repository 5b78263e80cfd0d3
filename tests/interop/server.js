// Echoes with permessage-deflate, in random fragments; prints its URL.
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: { threshold: 0 } });
server.on('listening', () => console.log(`ws://127.0.0.1:${server.address().port}/`));
server.on('connection', (peer) => {
    peer.on('message', (data, isBinary) => {
        let at = 0;
        do {
            const end = Math.min(at + 1 + Math.floor(Math.random() * data.length), data.length);
            peer.send(data.subarray(at, end), { binary: isBinary, fin: end === data.length });
            at = end;
        } while (at < data.length);
    });
});
