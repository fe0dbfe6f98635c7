import dgram from 'node:dgram'
import type net from 'node:net'
import { asFault, type Fault } from '../../base/faults.ts'
import { destination } from '../address/destination.ts'
import { ClientUdpFlows } from '../session/client-udp-flows.ts'
import type { Opener } from '../session/open-session.ts'
import { endWith } from './last-word.ts'
import { listenFailed } from './listen.ts'
import type { Guard } from './local-guard.ts'
import type { LocalUsers } from './local-users.ts'
import {
  readDatagram,
  type SocksAddress,
  SocksReply,
  socksReply,
  writeDatagramHeader,
} from './socks5-wire.ts'
import { UdpSenders } from './udp-senders.ts'

/** Destinations of one association at once. */
const MAX_FLOWS = 256
const LOOPBACK = '127.0.0.1'

/**
 * Serves UDP ASSOCIATE (RFC 1928, section 7): a UDP port for the program that holds `control`, and for it alone.
 * Datagrams are taken from the address of that program only, of a user who may, and from one port: the one it
 * announced, else the one that sends first. Fragments are refused. The association ends when `control` does.
 *
 * @param announced Where the program said it will send from; zeros if it did not know.
 */
export function associateUdp(
  control: net.Socket,
  announced: SocksAddress,
  { opener, users, guard }: { opener: Opener; users: LocalUsers; guard: Guard },
): void {
  if (control.destroyed) return
  // One that came by a Unix socket is on this machine, too; datagrams need an address.
  const { localAddress: local = LOOPBACK, remoteAddress: program = LOOPBACK } = control
  const socket = dgram.createSocket(local.includes(':') ? 'udp6' : 'udp4')
  const flows = new ClientUdpFlows({ opener, entry: 'socks5-udp', maxFlows: MAX_FLOWS })
  let port = announced.port
  const senders = new UdpSenders(socket, users, (refusal) => opener.refuseUser('socks5-udp', refusal))

  const close = () => {
    senders[Symbol.dispose]()
    flows[Symbol.dispose]()
    socket.close()
  }
  socket.on('error', (error) => {
    const fault = listenFailed({ host: local, port: 0 }, error)
    opener.refuse('socks5-udp', `association of ${program}`, fault)
    endWith(control, socksReply(SocksReply.GENERAL_FAILURE))
  })
  const onMessage = (message: Buffer, from: dgram.RemoteInfo) => {
    if (port !== 0 && from.port !== port) return
    let to: ReturnType<typeof destination>
    let asked: ReturnType<typeof readDatagram>
    try {
      asked = readDatagram(message)
      to = destination(asked.host, asked.port, 'udp')
    } catch (error) {
      opener.refuse('socks5-udp', `datagram of ${program}`, asFault(error) as Fault)
      return
    }
    port = from.port
    flows.send(to.key, to, asked.data, () => {
      // Answers carry the address as the program wrote it, so that it recognises its peer.
      const header = writeDatagramHeader(asked)
      return (datagram) => socket.send([header, datagram], port, program, ignore)
    })
  }
  socket.on('message', (message, from) => {
    if (from.address !== program) return
    senders.admit(from, () => guard(() => onMessage(message, from)))
  })
  control.once('close', close)
  socket.bind(0, local, () => {
    if (control.destroyed) return
    control.write(socksReply(SocksReply.SUCCEEDED, { host: local, port: socket.address().port }))
    // Nothing is said on the control connection any more; its end is the end of the association.
    control.once('end', () => control.destroy())
    control.resume()
  })
}

/** A datagram that the program's socket does not take is lost, as UDP is. */
function ignore(): void {}
