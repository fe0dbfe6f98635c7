/**
 * A capture that tcpdump and Wireshark read: classic pcap, Ethernet, microseconds.
 *
 * @module
 */
import { closeSync, openSync, writeSync } from 'node:fs'

const MAGIC = 0xa1b2c3d4
const ETHERNET = 1
const LONGEST_FRAME_BYTES = 65_535

export class PcapFile implements Disposable {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'w')
    const header = Buffer.alloc(24)
    header.writeUInt32LE(MAGIC, 0)
    header.writeUInt16LE(2, 4) // version 2.4
    header.writeUInt16LE(4, 6)
    header.writeUInt32LE(LONGEST_FRAME_BYTES, 16)
    header.writeUInt32LE(ETHERNET, 20)
    writeSync(this.#file, header)
  }

  write(frame: Uint8Array, timeMs: number): void {
    const header = Buffer.alloc(16)
    header.writeUInt32LE(Math.floor(timeMs / 1000), 0)
    header.writeUInt32LE(Math.floor((timeMs % 1000) * 1000), 4)
    header.writeUInt32LE(frame.length, 8)
    header.writeUInt32LE(frame.length, 12)
    writeSync(this.#file, Buffer.concat([header, frame]))
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }
}
