import net from 'node:net'
import { eitherAborted } from '../base/deadline.ts'
import type { TcpOptions } from './tcp.ts'

export interface PlainAnswer {
  /** As it came: `HTTP/1.1 302 Found`. */
  readonly firstLine: string
  readonly location?: string
}

const MAX_BYTES = 4096
const MAX_QUOTE = 200

/**
 * Who answers plain HTTP at `address`. An edge does not; the sign-in page of a network does, in its place.
 *
 * @returns `undefined` when nobody answered in HTTP.
 */
export function askInPlain(
  to: { address: string; port: number; host: string },
  { signal, timeoutMs = 2500 }: TcpOptions,
): Promise<PlainAnswer | undefined> {
  return new Promise((resolve) => {
    const late = eitherAborted(signal, AbortSignal.timeout(timeoutMs))
    const socket = net.connect({ host: to.address, port: to.port, autoSelectFamily: false })
    let text = ''
    const end = () => {
      late.removeEventListener('abort', end)
      late[Symbol.dispose]()
      socket.destroy()
      resolve(read(text))
    }
    late.addEventListener('abort', end, { once: true })
    socket.setEncoding('latin1')
    socket.once('connect', () =>
      socket.write(`GET / HTTP/1.1\r\nHost: ${to.host}\r\nConnection: close\r\n\r\n`),
    )
    socket.on('data', (chunk) => {
      text += chunk
      if (text.includes('\r\n\r\n') || text.length > MAX_BYTES) end()
    })
    socket.once('end', end)
    socket.once('error', end)
    if (late.aborted) end()
  })
}

function read(text: string): PlainAnswer | undefined {
  const [firstLine, ...headers] = text.slice(0, MAX_BYTES).split('\r\n')
  if (!firstLine?.startsWith('HTTP/1.')) return undefined
  const location = headers.find((line) => /^location:/i.test(line))?.slice('location:'.length)
  return { firstLine: printable(firstLine), location: location && printable(location.trim()) }
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_QUOTE)
}
