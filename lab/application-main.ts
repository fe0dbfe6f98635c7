/**
 * The private application of the lab: says who asked, and sends as many bytes as it is asked for. With a certificate it
 * speaks TLS.
 *
 *     bin/node lab/application-main.ts ADDRESS PORT [CERTIFICATE KEY]
 *
 * @module
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'

const [address, port, certificate, key] = process.argv.slice(2)

/** When it has the whole of it, as one does that stores what it is sent: a head may come through where its body does not. */
async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  request.resume()
  await once(request, 'end').catch(() => response.destroy())
  const bytes = /^\/bytes\/(\d{1,8})$/.exec(request.url ?? '')?.[1]
  if (bytes !== undefined) response.end(Buffer.alloc(Number(bytes), 'b'))
  else response.end(`app.dc1 answers ${request.socket.remoteAddress}\n`)
}

const server =
  certificate === undefined
    ? http.createServer(answer)
    : https.createServer({ cert: readFileSync(certificate), key: readFileSync(key!) }, answer)
server.listen(Number(port), address)
