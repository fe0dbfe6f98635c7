/**
 * The sign-in page of a guest network: answers every port it is given with a redirect to itself.
 *
 *     bin/node lab/portal-main.ts PORT…
 *
 * @module
 */
import http from 'node:http'

for (const port of process.argv.slice(2)) {
  http
    .createServer((_request, response) => {
      response.writeHead(302, { Location: 'http://login.guest-network.example/' }).end('Please sign in.\n')
    })
    .on('clientError', (_error, socket) => {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 16\r\n\r\nPlease sign in.\n')
    })
    .listen(Number(port))
}
