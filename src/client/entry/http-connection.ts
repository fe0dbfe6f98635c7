/**
 * One HTTP connection of a local program: CONNECT for anything, absolute-form requests for plain http, and the pages
 * of the proxy itself.
 *
 * Requests are read strictly, to know whom each is for and where it ends; answers are relayed as bytes. The connection
 * is bound to one application for as long as requests go there, and ends as the application ends it. A request for
 * somewhere else waits until every answer is whole; where that cannot be told, nothing follows the answer.
 *
 * @module
 */
import type net from 'node:net'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { cutSocket } from '../../mux/cut-socket.ts'
import { type Destination, destination } from '../address/destination.ts'
import { parseAuthority } from '../address/parse-authority.ts'
import type { Opener } from '../session/open-session.ts'
import { MessageBody, NO_BODY } from './http-body.ts'
import { serveConnect } from './http-connect.ts'
import { HeadReader, type RequestHead, UnreadableRequest } from './http-head.ts'
import { cameInOn, type LocalPages, readPage } from './http-pages.ts'
import { type ReplyWanted, replyWanted, replyWithFault } from './http-reply.ts'
import { type HttpTarget, readTarget, showTarget, writeHead } from './http-target.ts'
import { Upstream, type UpstreamEvents } from './http-upstream.ts'
import { endWith } from './last-word.ts'
import { type Guard, guardLocal } from './local-guard.ts'
import { openConnection } from './open-connection.ts'

const NOTHING = Buffer.alloc(0)

export interface HttpContext {
  readonly opener: Opener
  readonly pages: LocalPages
  readonly log: Log
  /** A request head is whole: the time limit of the handshake no longer applies. */
  readonly settled: (socket: net.Socket) => void
}

/** @param socket Paused, with its first bytes unread. */
export function serveHttp(socket: net.Socket, context: HttpContext): void {
  new HttpConnection(socket, context).start()
}

class HttpConnection implements UpstreamEvents {
  readonly #socket: net.Socket
  readonly #context: HttpContext
  readonly #guard: Guard
  readonly #heads = new HeadReader()
  #startedUs: number
  /** Of the request that is being read. */
  #body = new MessageBody(NO_BODY)
  /** The local program has sent its last byte. */
  #ended = false
  #upstream: Upstream | undefined
  #giveUp: (() => void) | undefined
  /** Of the first request to the upstream: what an answer of the proxy itself is to be like. */
  #wants: ReplyWanted = {}
  /** What waits until every answer is whole. */
  #next: (() => void) | undefined
  #upstreamFull = false
  /** Reads no request any more. */
  #over = false
  /** The proxy has said its last word; what still comes is read away. */
  #said = false
  /** What was asked for last, for the record of a refusal. */
  #asked = 'unreadable request'
  /** A person reads the refusal. */
  #html: boolean | undefined

  constructor(socket: net.Socket, context: HttpContext) {
    this.#socket = socket
    this.#context = context
    this.#startedUs = context.opener.nowUs()
    this.#guard = guardLocal(context.log, (fault) => this.#refuse(fault))
  }

  start(): void {
    this.#socket.on('data', this.#onData).on('end', this.#onEnd)
    this.#socket.once('close', () => this.#guard(() => this.#closed()))
    this.#socket.resume()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#guard(() => {
      let rest = chunk
      while (rest.length > 0 && this.#reads) rest = this.#read(rest)
      if (rest.length > 0 && !this.#said) {
        this.#socket.pause()
        this.#socket.unshift(rest) // where it is read from again, whoever reads then
      }
      this.#goOn()
    })
  }

  readonly #onEnd = (): void => {
    this.#guard(() => {
      this.#ended = true
      this.#goOn()
    })
  }

  #goOn(): void {
    if (this.#over) return
    if (!this.#reads) this.#socket.pause()
    else if (!this.#ended) this.#socket.resume()
    else if (this.#upstream === undefined) this.#socket.destroy()
    else this.#upstream.finish()
  }

  get #reads(): boolean {
    return !this.#over && this.#next === undefined && !this.#upstreamFull
  }

  /** @returns What was not read. */
  #read(bytes: Buffer): Buffer {
    if (this.#body.over) {
      this.#startedUs = this.#context.opener.nowUs()
      const end = this.#heads.take(bytes, 0)
      if (this.#heads.head !== undefined) this.#request(this.#heads.head)
      return end === -1 ? NOTHING : bytes.subarray(end)
    }
    const end = this.#bodyEnd(bytes)
    this.#send(bytes.subarray(0, end))
    return bytes.subarray(end)
  }

  #bodyEnd(bytes: Buffer): number {
    try {
      return this.#body.take(bytes, 0)
    } catch (error) {
      throw new UnreadableRequest(`body of the request: ${(error as Error).message}`)
    }
  }

  #send(bytes: Buffer): void {
    if (!this.#upstream!.send(bytes)) this.#upstreamFull = true
  }

  #request(head: RequestHead): void {
    this.#context.settled(this.#socket)
    this.#asked = showTarget(head.target)
    this.#html = replyWanted(head).html
    if (head.method === 'CONNECT') {
      this.#whenWhole(() => this.#connect(head))
      return
    }
    const target = readTarget(head.target, head.method)
    if (target.is === 'origin') {
      this.#whenWhole(() =>
        this.#end(readPage(this.#context.pages, head, target.path, cameInOn(this.#socket))),
      )
      return
    }
    const { key } = destination(target.host, target.port, 'tcp')
    if (this.#upstream?.to.key === key) this.#forward(head, target)
    else
      this.#whenWhole(() => {
        this.#open(head, target)
        this.#forward(head, target)
      })
  }

  #forward(head: RequestHead, target: HttpTarget & { is: 'absolute' }): void {
    this.#body = new MessageBody(head.framing)
    this.#upstream!.answers.ask(head.method)
    this.#send(writeHead(head, target))
  }

  /** Leaves the application of the requests before, if there is one. */
  #open(head: RequestHead, target: HttpTarget & { is: 'absolute' }): void {
    const to = destination(target.host, target.port, 'tcp')
    this.#upstream?.leave()
    const upstream = new Upstream(to, this.#socket, this, this.#guard)
    upstream.once('close', () => this.#guard(() => this.#lost(upstream)))
    this.#upstream = upstream
    this.#upstreamFull = false
    this.#wants = replyWanted(head)
    this.#giveUp = openConnection(this.#wayOf(), to, 'http', {
      opened: (way) => {
        upstream.session = way.session
        way.attach(upstream)
      },
      failed: (fault, session) => this.#end(this.#words(fault, to, session)),
      broke: (fault) => {
        upstream.fault = fault
      },
    })
  }

  #words(fault: Fault, to: Destination, session: string | undefined): string {
    const ask = this.#context.opener.adminCommand(fault, to)
    return replyWithFault(fault, { session, to, ask, ...this.#wants })
  }

  readonly #wayOf = () => ({ opener: this.#context.opener, guard: this.#guard, startedUs: this.#startedUs })

  #whenWhole(next: () => void): void {
    if (this.#socket.writableEnded) this.#leave()
    else if (this.#upstream === undefined || this.#upstream.answers.whole) next()
    else {
      this.#next = next
      if (this.#upstream.answers.unclear) this.#upstream.finish()
    }
  }

  room(): void {
    if (!this.#upstreamFull) return
    this.#upstreamFull = false
    this.#goOn()
  }

  relayed(): void {
    const next = this.#next
    if (next === undefined || this.#over) return
    const { whole, unclear } = this.#upstream!.answers
    if (unclear) this.#upstream!.finish()
    if (!whole) return
    this.#next = undefined
    next()
    this.#goOn()
  }

  ended(upstream: Upstream): void {
    if (upstream !== this.#upstream || this.#over) return
    if (upstream.answered && this.#next === undefined) return
    if (upstream.answered) return void this.#leave() // what was to follow has nowhere to be answered
    const fault = new Fault('APP_HUNG_UP', `${this.#asked}: closed before any byte`)
    // Who ended first, before an answer came, gave up or asks like that: the end that follows is no finding.
    if (!this.#ended) this.#context.opener.refuse('http', this.#asked, fault)
    this.#lastWord(this.#words(fault, upstream.to, upstream.session))
    upstream.finish()
  }

  /** The way to the application is no more. */
  #lost(upstream: Upstream): void {
    if (this.#over || upstream !== this.#upstream) return
    const { fault, session, answers } = upstream
    const inOrder = upstream.readableEnded && upstream.writableFinished
    const uploading = !this.#body.over || upstream.readableLength > 0
    if (inOrder) this.#leave()
    else if (!upstream.answered && fault !== undefined) {
      this.#lastWord(this.#words(fault, upstream.to, session))
    } else if (this.#socket.writableEnded || (answers.whole && uploading)) {
      // It has said all; what broke is the rest of an upload that it did not take. A reset could cost the answer.
      this.#leave()
    } else this.#cut()
  }

  /** The application has said all; nothing more is asked of it. */
  #leave(): void {
    this.#upstream?.finish()
    this.#lastWord('')
  }

  #connect(head: RequestHead): void {
    const { host, port } = parseAuthority(head.target)
    const to = destination(host, port, 'tcp')
    this.#stop()
    this.#socket.pause()
    this.#giveUp = serveConnect(this.#socket, to, this.#wayOf())
  }

  /** The request that is being read cannot be: it is told so where its answer would stand, or the connection breaks. */
  #refuse(fault: Fault): void {
    this.#context.opener.refuse('http', this.#asked, fault)
    const status = fault instanceof UnreadableRequest ? fault.status : undefined
    const say = () => this.#end(replyWithFault(fault, { status, html: this.#html }))
    if (this.#over) this.#cut()
    else if (this.#body.over && fault.code !== 'INTERNAL') this.#whenWhole(say)
    else if (this.#upstream === undefined || !this.#upstream.answered) say()
    else this.#cut()
  }

  /** The last answer here is the proxy's own. */
  #end(answer: string): void {
    const upstream = this.#upstream
    this.#lastWord(answer)
    if (upstream === undefined || upstream.answers.whole) return
    this.#giveUp?.()
    upstream.destroy()
  }

  #lastWord(answer: string): void {
    this.#stop()
    this.#said = true
    this.#context.settled(this.#socket)
    endWith(this.#socket, answer)
  }

  #stop(): void {
    this.#over = true
    this.#socket.off('data', this.#onData).off('end', this.#onEnd)
    if (this.#upstream?.answers.whole) this.#upstream.leave()
  }

  #cut(): void {
    this.#over = true
    this.#upstream?.destroy()
    cutSocket(this.#socket)
  }

  /** Closed in good order by both, the socket is done with; what the upstream still holds goes its way. */
  #closed(): void {
    const inOrder = this.#socket.readableEnded && this.#socket.writableFinished
    this.#giveUp?.()
    if (!inOrder) this.#upstream?.destroy()
  }
}
