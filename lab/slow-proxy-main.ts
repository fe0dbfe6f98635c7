/**
 * A proxy that has too much to do: it takes each CONNECT at once and answers it late.
 *
 *     bin/node lab/slow-proxy-main.ts ADDRESS PORT DELAY-MS
 *
 * @module
 */
import http from 'node:http'
import net from 'node:net'

const [address, port, delayMs] = process.argv.slice(2)

http
  .createServer()
  .on('connect', (request, inner) => {
    const to = new URL(`http://${request.url}`)
    inner.on('error', () => {})
    setTimeout(() => {
      const outer = net.connect({ host: to.hostname, port: Number(to.port || 80) }, () => {
        inner.write('HTTP/1.1 200 Connection established\r\n\r\n')
        inner.pipe(outer).pipe(inner)
      })
      outer.on('error', () => inner.destroy())
      inner.on('close', () => outer.destroy())
    }, Number(delayMs))
  })
  .listen(Number(port), address)
