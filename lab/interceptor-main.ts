/**
 * A TLS inspection gateway: ends every connection with a certificate of its own CA and opens another to where it was going.
 *
 *     bin/node lab/interceptor-main.ts PORT CERTIFICATE KEY REAL-ADDRESS REAL-PORT
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import tls from 'node:tls'

const [port, certificate, key, address, realPort] = process.argv.slice(2)
const ALPN = ['backstitch-control/1', 'backstitch-pipe/1', 'h2', 'http/1.1']

tls
  .createServer(
    {
      cert: readFileSync(certificate!),
      key: readFileSync(key!),
      ALPNCallback: ({ protocols }) => protocols.find((one) => ALPN.includes(one)) ?? protocols[0],
    },
    (inner) => {
      const outer = tls.connect({
        host: address,
        port: Number(realPort),
        servername: inner.servername || undefined,
        ALPNProtocols: inner.alpnProtocol ? [inner.alpnProtocol] : undefined,
        rejectUnauthorized: false, // an inspection gateway has its own ideas of trust
      })
      inner.pipe(outer).pipe(inner)
      inner.on('error', () => outer.destroy())
      outer.on('error', () => inner.destroy())
    },
  )
  .on('tlsClientError', () => {}) // who does not believe the certificate hangs up
  .listen(Number(port))
