/** A server for the command line: real TLS, with a certificate that no machine trusts, as an edge has at first. */
import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import tls from 'node:tls'
import { createPublicCertificate } from '../control/front/public-certificate.ts'
import { publicPinOf } from '../pki/public-pin.ts'

const certificate = await createPublicCertificate(['127.0.0.1'], Date.now())

export const PIN = publicPinOf(certificate.cert)

export async function serve(handler: http.RequestListener): Promise<{ server: string } & AsyncDisposable> {
  const web = http.createServer(handler)
  const listener = tls.createServer({ cert: certificate.cert, key: certificate.key }, (socket) => {
    web.emit('connection', socket)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    server: `https://127.0.0.1:${(listener.address() as net.AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      listener.close()
      await once(listener, 'close')
    },
  }
}
