import type dgram from 'node:dgram'
import type { Fault } from '../../base/faults.ts'
import type { Endpoint } from '../../probe/socket-table.ts'
import type { LocalUsers } from './local-users.ts'

/**
 * A port changes hands as soon as its program ends, so whose it is is asked again this long after; and at once where
 * another socket has it, as far as the kernel tells.
 */
const KNOWN_MS = 500
const MAX_SENDERS = 1024
/** Datagrams of all senders that wait for an answer; more are dropped, as UDP is. */
const MAX_WAITING = 256

interface Sender {
  may: boolean
  untilMs: number
  /** Which socket it was when its user was asked for. */
  socket: bigint | undefined
  /** The turn of the event loop in which it was seen to be that socket still. */
  turn: number
  waiting: (() => void)[] | undefined
}

/** Takes datagrams of programs that may send here, and of no others. */
export class UdpSenders implements Disposable {
  readonly #at: dgram.Socket
  readonly #users: LocalUsers
  readonly #refused: (refusal: Fault) => void
  /** By address and port; the one that was asked about longest ago is first. */
  readonly #senders = new Map<string, Sender>()
  #waiting = 0
  #turn = 0
  #isTurning = false
  #address: Endpoint | undefined

  /** @param at Where datagrams come in. */
  constructor(at: dgram.Socket, users: LocalUsers, refused: (refusal: Fault) => void) {
    this.#at = at
    this.#users = users
    this.#refused = refused
  }

  /** @param go Called once its sender is known to be one who may: at once, later, or never. */
  admit(from: Endpoint, go: () => void): void {
    const key = `${from.address} ${from.port}`
    const known = this.#senders.get(key)
    if (known?.waiting !== undefined) {
      this.#wait(known.waiting, go)
      return
    }
    const isKnown = known !== undefined && performance.now() < known.untilMs
    if (isKnown && !known.may) return
    if (isKnown && this.#isSame(known, from)) {
      go()
      return
    }
    const waiting: (() => void)[] = []
    const sender: Sender = { may: false, untilMs: 0, socket: this.#socketOf(from), turn: -1, waiting }
    this.#wait(waiting, go)
    this.#senders.delete(key)
    this.#senders.set(key, sender)
    if (this.#senders.size > MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value!)
    this.#users.admitUdp(from, (refusal) => {
      sender.may = refusal === undefined
      sender.untilMs = performance.now() + KNOWN_MS
      sender.waiting = undefined
      this.#waiting -= waiting.length
      if (refusal !== undefined) this.#refused(refusal)
      else for (const one of waiting) one()
    })
  }

  /** Asked once for all that is read in one turn of the event loop. */
  #isSame(sender: Sender, from: Endpoint): boolean {
    if (sender.turn === this.#turn) return true
    if (sender.socket !== this.#socketOf(from)) return false
    sender.turn = this.#turn
    return true
  }

  #socketOf(from: Endpoint): bigint | undefined {
    if (!this.#isTurning) {
      this.#isTurning = true
      setImmediate(() => {
        this.#isTurning = false
        this.#turn++
      })
    }
    this.#address ??= this.#at.address()
    return this.#users.udpSocket(from, this.#address)
  }

  #wait(waiting: (() => void)[], go: () => void): void {
    if (this.#waiting >= MAX_WAITING) return
    this.#waiting++
    waiting.push(go)
  }

  [Symbol.dispose](): void {
    for (const sender of this.#senders.values()) {
      this.#waiting -= sender.waiting?.length ?? 0
      sender.waiting?.splice(0)
    }
    this.#senders.clear()
  }
}
