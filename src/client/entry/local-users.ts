/**
 * Who on this machine may go through the client: everybody's programs reach its ports on loopback, and what comes out is
 * the person who signed in. So the kernel is asked whose each connection is, before a byte of it counts.
 *
 * A Unix socket needs none of this: its mode is 0600.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import type net from 'node:net'
import { Fault } from '../../base/faults.ts'
import { isLoopback } from '../../base/ip-address.ts'
import { ownAddresses } from '../../probe/own-addresses.ts'
import { SocketOwners } from '../../probe/socket-owners.ts'
import type { Endpoint, SocketOwner } from '../../probe/socket-table.ts'
import { UserNames } from '../../probe/user-names.ts'
import { strangersUid } from '../../probe/user-namespace.ts'

export interface LocalUsersOptions {
  /** Besides the user of this process. */
  readonly uids?: readonly number[]
  /** Nobody is asked who he is. */
  readonly everyone?: boolean
}

/** What `status` says. */
export interface LocalUsersStatus {
  /** For people. */
  readonly may: string
  readonly refused: number
  readonly lastRefused?: string
}

/** @param refusal Absent: come in. */
type OnAdmitted = (refusal: Fault | undefined) => void

/** Where the kernel says whose a socket is. */
const TABLE = '/proc/net/tcp'

export class LocalUsers implements Disposable {
  readonly #owners = new SocketOwners()
  readonly #names = new UserNames()
  readonly #own = process.geteuid?.() ?? -1
  readonly #allowed: ReadonlySet<number>
  readonly #strangers = strangersUid()
  /** Why nobody is asked. */
  readonly #open: string | undefined
  #refused = 0
  #lastRefused: string | undefined

  constructor({ uids = [], everyone = false }: LocalUsersOptions = {}) {
    this.#allowed = new Set([this.#own, ...uids])
    if (everyone) this.#open = 'as allowEveryone is set'
    else if (process.platform !== 'linux' && !existsSync(TABLE)) {
      this.#open =
        'because this system does not report the owner of a connection; listen: off leaves the Unix socket'
    }
  }

  get status(): LocalUsersStatus {
    const may = this.#open === undefined ? this.#allowedText() : `every user of this machine, ${this.#open}`
    return { may, refused: this.#refused, lastRefused: this.#lastRefused }
  }

  /** Before the first comes. */
  warm(): void {
    if (this.#open === undefined) void this.#owners.warm()
  }

  /** @param socket Accepted; nothing of it has been read. @param admitted Called at once where nobody is asked. */
  admit(socket: net.Socket, admitted: OnAdmitted): void {
    const { remoteAddress, remotePort, localAddress, localPort } = socket
    if (this.#open !== undefined || remoteAddress === undefined || localAddress === undefined) {
      admitted(this.#open === undefined ? this.#refuse('gone') : undefined)
      return
    }
    const near = plain({ address: remoteAddress, port: remotePort! })
    const far = plain({ address: localAddress, port: localPort! })
    this.#owners.tcp(near, far, (owner) => {
      // Who listens for other machines has said so; their users nobody here knows.
      const away = owner === undefined && !isLoopback(near.address) && !ownAddresses().has(near.address)
      const known = away && this.#owners.errno === undefined
      admitted(known ? undefined : this.#judge(owner === undefined ? [] : [owner]))
    })
  }

  /** The same of whoever sends datagrams. */
  admitUdp({ address, port }: Endpoint, admitted: OnAdmitted): void {
    if (this.#open !== undefined) {
      admitted(undefined)
      return
    }
    this.#owners.udp(port, (owners) => {
      const from = plain({ address, port }).address
      const away = !isLoopback(from) && !ownAddresses().has(from)
      admitted(away ? undefined : this.#judge(owners))
    })
  }

  /** Tells one sender of datagrams from the next at its port; nothing where that cannot be told. */
  udpSocket(from: Endpoint, to: Endpoint): bigint | undefined {
    return this.#open === undefined ? this.#owners.udpSocket(plain(from), plain(to)) : undefined
  }

  #judge(owners: readonly SocketOwner[]): Fault | undefined {
    const other = owners.find((owner) => !this.#may(owner))
    if (other === undefined && owners.length > 0) return undefined
    return this.#refuse(other ?? 'gone')
  }

  #may(owner: SocketOwner): boolean {
    return owner !== 'gone' && owner !== this.#strangers && this.#allowed.has(owner)
  }

  #refuse(owner: SocketOwner): Fault {
    const { errno } = this.#owners
    const who = owner === 'gone' ? 'a program that has exited' : `user ${this.#show(owner)}`
    const seen = errno === undefined ? who : `an unknown user: ${TABLE} cannot be read (${errno})`
    this.#refused++
    this.#lastRefused = seen
    return new Fault('LOCAL_USER_REFUSED', `${seen}; only ${this.#allowedText()} may`, {
      seen: { ...(owner !== 'gone' && { uid: owner }), user: seen, may: this.#allowedText() },
    })
  }

  #show(uid: number): string {
    return uid === this.#strangers ? 'in another user namespace' : this.#names.show(uid)
  }

  #allowedText(): string {
    return [...this.#allowed].map((uid) => this.#names.show(uid)).join(', ')
  }

  [Symbol.dispose](): void {
    this.#owners[Symbol.dispose]()
  }
}

function plain({ address, port }: Endpoint): Endpoint {
  return { address: address.replace(/^::ffff:/, ''), port }
}
