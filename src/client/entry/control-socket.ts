import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import net from 'node:net'
import { BACKLOG } from '../../base/backlog.ts'
import { Deadlines } from '../../base/deadlines.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { destination } from '../address/destination.ts'
import { type ClientSession, faultOf, type SessionEvents } from '../session/client-session.ts'
import type { Looks } from '../session/looks.ts'
import type { Opener } from '../session/open-session.ts'
import { type ControlAnswer, type ControlCall, controlCall, readLine, writeLine } from './control-line.ts'
import { openForward } from './forward-listener.ts'
import { ForwardTroubles } from './forward-trouble.ts'
import { endWith } from './last-word.ts'
import { ACCEPT, closeServer, listenFailed } from './listen.ts'
import type { LocalUsers } from './local-users.ts'

const CALL_MS = 5000
/** How long it is known how a session has ended. */
const ENDED_MS = 60_000

export interface ControlSocketOptions {
  /** Where to listen. Whoever holds STATE/status.sock owns it: a file that is there already is left over. */
  readonly file: string
  readonly opener: Opener
  /** Who may go through the forwards of commands. */
  readonly users: LocalUsers
  readonly looks: Pick<Looks, 'look'>
  /** Somebody signed in: read the profile again. */
  readonly reload: () => Promise<void>
}

/** Serves the commands of this user while the client runs: sessions and forwards through its warm tunnels. */
export class ControlSocket implements AsyncDisposable {
  readonly #server: net.Server
  readonly #o: ControlSocketOptions
  readonly #sockets = new Set<net.Socket>()
  readonly #silent = new Deadlines<net.Socket>(CALL_MS, (socket) => socket.destroy())
  /** How each session of a command ends. */
  readonly #sessions = new Map<string, Connect>()
  readonly #ended = new Deadlines<string>(ENDED_MS, (session) => this.#sessions.delete(session))

  private constructor(options: ControlSocketOptions) {
    this.#o = options
    this.#server = net.createServer(ACCEPT, (socket) => {
      this.#sockets.add(socket)
      this.#silent.add(socket)
      socket.on('error', ignoreError)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        this.#silent.delete(socket)
      })
      this.#serve(socket).catch((error: unknown) => {
        if (!socket.destroyed) endWith(socket, refusal(asFault(error)))
      })
    })
  }

  /** @throws {Fault} LISTEN_FAILED. */
  static async open(options: ControlSocketOptions): Promise<ControlSocket> {
    const control = new ControlSocket(options)
    await rm(options.file, { force: true })
    const before = process.umask(0o177)
    try {
      control.#server.listen({ path: options.file, backlog: BACKLOG }) // binds before it returns, so the mode is right from the first moment
    } finally {
      process.umask(before)
    }
    await once(control.#server, 'listening').catch((error: unknown) => {
      throw listenFailed({ file: options.file }, error)
    })
    control.#server.on('error', ignoreError) // of an accept, out of descriptors
    return control
  }

  async #serve(socket: net.Socket): Promise<void> {
    const startedUs = this.#o.opener.nowUs()
    const call = await readLine(socket, controlCall)
    this.#silent.delete(socket)
    if (call.op === 'connect') this.#connect(socket, call, startedUs)
    else if (call.op === 'forward') await this.#forward(socket, call)
    else if (call.op === 'look') await this.#look(socket, call)
    else if (call.op === 'input-over') {
      this.#find(call.session).inputOver = true
      endWith(socket, writeLine({ ok: true, session: call.session }))
    } else if (call.op === 'ended') {
      const fault = await this.#find(call.session).ended.promise
      endWith(socket, fault ? refusal(fault, call.session) : writeLine({ ok: true, session: call.session }))
    } else {
      await this.#o.reload()
      endWith(socket, writeLine({ ok: true }))
    }
  }

  #connect(
    socket: net.Socket,
    { host, port, look }: ControlCall & { op: 'connect' },
    startedUs: number,
  ): void {
    const to = destination(host, port, 'tcp')
    const { opener } = this.#o
    if (look) opener.askAnew(to)
    const events = new Connect(socket, {
      notes: (session) => opener.notesOf(session).map(faultToMessage),
      opened: (id) => this.#sessions.set(id, events),
      closed: (id) => this.#ended.add(id),
    })
    const session = opener.open(opener.lanes.choose(to, 'stdio'), events, startedUs)
    socket.once('close', () => session.abandon())
  }

  /** Until the command has it, or goes. */
  async #look(socket: net.Socket, { host, port }: ControlCall & { op: 'look' }): Promise<void> {
    const gone = new AbortController()
    socket.once('close', () => gone.abort())
    const { well, fault } = await this.#o.looks.look(destination(host, port, 'tcp'), gone.signal)
    endWith(socket, writeLine({ ok: true, well, notes: fault && [faultToMessage(fault)] }))
  }

  #find(session: string): Connect {
    const found = this.#sessions.get(session)
    if (found) return found
    throw new Fault('LOCAL_REQUEST_REFUSED', `session ${session} did not start here, or ended long ago`)
  }

  /** The forward lives as long as the command that asked for it. */
  async #forward(socket: net.Socket, call: ControlCall & { op: 'forward' }): Promise<void> {
    using troubles = new ForwardTroubles(({ fault, times }) => {
      if (socket.writable) socket.write(writeLine({ fault: faultToMessage(fault), times }))
    })
    await using forward = await openForward(call, { ...this.#o, trouble: troubles.note })
    const gone = Promise.withResolvers<void>()
    socket.once('close', () => gone.resolve())
    socket.once('end', () => socket.destroy())
    socket.write(writeLine({ ok: true, address: forward.local }))
    socket.resume()
    if (!socket.closed) await gone.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = closeServer(this.#server)
    this.#silent[Symbol.dispose]()
    this.#ended[Symbol.dispose]()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

interface ConnectOwner {
  notes(session: ClientSession): FaultMessage[]
  opened(session: string): void
  closed(session: string): void
}

class Connect implements SessionEvents {
  readonly ended = Promise.withResolvers<Fault | undefined>()
  /** The command has said that its end is none of a command that was killed. */
  inputOver = false
  readonly #socket: net.Socket
  readonly #owner: ConnectOwner

  constructor(socket: net.Socket, owner: ConnectOwner) {
    this.#socket = socket
    this.#owner = owner
  }

  opened(session: ClientSession): void {
    this.#owner.opened(session.id!)
    const notes = this.#owner.notes(session)
    const told = notes.length === 0 ? {} : { notes }
    this.#socket.write(writeLine({ ok: true, session: session.id!, ...told }))
    session.attach(this.#socket, () => this.inputOver)
  }

  failed(fault: Fault, session: ClientSession): void {
    endWith(this.#socket, refusal(fault, session.id))
  }

  closed(session: ClientSession, end: StreamEnd): void {
    this.ended.resolve(faultOf(end))
    this.#owner.closed(session.id!)
  }
}

function refusal(fault: Fault, session?: string): string {
  return writeLine({ ok: false, session, fault: faultToMessage(fault) } satisfies ControlAnswer)
}
