/**
 * One program and one application that talk through an entry.
 *
 * @module
 */
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Entry, hostFor } from './entries.ts'
import { requestHead } from './message.ts'
import { Peer, socketLine, type View } from './peer.ts'
import type { World } from './world.ts'

/** How both saw it; one of them only where the other one broke it. */
export interface Views {
  readonly program?: View
  readonly application?: View
}

export class Conversation implements Disposable {
  readonly entry: Entry
  readonly program: Peer
  readonly application: Peer
  readonly port: number
  readonly #server: net.Server

  private constructor(entry: Entry, program: Peer, application: Peer, server: net.Server) {
    this.entry = entry
    this.program = program
    this.application = application
    this.#server = server
    this.port = (server.address() as net.AddressInfo).port
  }

  /**
   * Opens the entry and sends the head of a request. Resolves when the application has it.
   *
   * @param uploadBytes How long its body is going to be.
   */
  static async open(world: World, entry: Entry, uploadBytes: number): Promise<Conversation> {
    const accepted = Promise.withResolvers<Peer>()
    const server = net.createServer({ allowHalfOpen: true }, (socket) =>
      accepted.resolve(new Peer(socketLine(socket))),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    world.records.begin(port)
    const program = await ask(world, entry, port, uploadBytes)
    const application = await inTime(accepted.promise, `${entry.name}: no connection came`)
    await application.until(({ head }) => head !== undefined)
    return new Conversation(entry, program, application, server)
  }

  async over(): Promise<Required<Views>> {
    const [program, application] = await Promise.all([this.program.over(), this.application.over()])
    return { program, application }
  }

  [Symbol.dispose](): void {
    this.program.cut()
    this.application.cut()
    this.#server.close()
  }
}

/** A program that has sent the head of its request to whatever listens on `port`. */
export async function ask(world: World, entry: Entry, port: number, uploadBytes: number): Promise<Peer> {
  const host = hostFor(entry)
  const program = new Peer(await entry.open(world, host, port))
  program.send(requestHead(entry.carries === 'http' ? `${host}:${port}` : undefined, uploadBytes))
  return program
}

const PATIENCE_MS = 30_000

async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(what)), PATIENCE_MS)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

const LOOK_MS = 50
const STILL_LOOKS = 6

/** Resolves when nothing moves any more: everything has come as far as it can while somebody does not read. */
export async function still(peers: readonly Peer[]): Promise<void> {
  let before = ''
  for (let same = 0; same < STILL_LOOKS; ) {
    await delay(LOOK_MS)
    const now = peers.map(({ received, unsent }) => `${received} ${unsent}`).join()
    same = now === before ? same + 1 : 0
    before = now
  }
}
