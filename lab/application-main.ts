/**
 * The private application of the lab: says who asked, and sends as many bytes as it is asked for.
 *
 *     bin/node lab/application-main.ts ADDRESS PORT
 *
 * @module
 */
import http from 'node:http'

const [address, port] = process.argv.slice(2)

http
  .createServer((request, response) => {
    const bytes = /^\/bytes\/(\d{1,8})$/.exec(request.url ?? '')?.[1]
    if (bytes !== undefined) response.end(Buffer.alloc(Number(bytes), 'b'))
    else response.end(`app.dc1 answers ${request.socket.remoteAddress}\n`)
  })
  .listen(Number(port), address)
