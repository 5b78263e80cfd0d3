// Echoes; closes when asked to; refuses everything below /forbidden.
//
//     echo.js HOST PORT [CERTIFICATE KEY]
const fs = require('fs');
const { WebSocketServer } = require('ws');

const [host, port, certificate, key] = process.argv.slice(2);
const server = certificate
    ? require('https').createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
    : require('http').createServer();
const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'chat' });
server.on('upgrade', (request, socket, head) => {
    if (request.url.startsWith('/forbidden')) {
        const body = 'not for you\n';
        socket.end(`HTTP/1.1 403 Forbidden\r\nX-Why: closed\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        return;
    }
    sockets.handleUpgrade(request, socket, head, (peer) => {
        peer.on('message', (data, isBinary) => {
            if (data.toString() === 'close me') {
                peer.close(4000, 'as asked');
            } else {
                peer.send(data, { binary: isBinary });
            }
        });
    });
});
server.listen(Number(port), host);
