/**
 * A box on the way that reads each ClientHello: whoever says a certain text in it waits for ever, all others are passed on.
 *
 *     bin/node lab/picky-main.ts PORT REAL-ADDRESS REAL-PORT TEXT
 *
 * @module
 */
import net from 'node:net'

const [port, address, realPort, text = ''] = process.argv.slice(2)

net
  .createServer((inner) => {
    inner.on('error', () => {})
    inner.once('data', (hello) => {
      if (hello.includes(text)) return
      const outer = net.connect({ host: address, port: Number(realPort) })
      outer.write(hello)
      inner.pipe(outer).pipe(inner)
      inner.on('close', () => outer.destroy())
      outer.on('error', () => inner.destroy())
    })
  })
  .listen(Number(port))
