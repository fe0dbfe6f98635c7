/**
 * How commands talk to a running client: over the Unix socket STATE/control.sock (0600, in a directory that is 0700)
 * a command sends one line of JSON and gets one line of JSON. After `connect` and ok, the connection is the session;
 * a Unix socket has one way to end, so how each side ended is said beside it.
 *
 *     {"op":"connect","host":"db1","port":22}      {"ok":true,"session":"ses_…"} and then bytes, both ways
 *     {"op":"input-over","session":"ses_…"}        {"ok":true}: the end of the connection that follows is no break
 *     {"op":"ended","session":"ses_…"}             {"ok":true} once that session has ended in good order
 *     {"op":"forward","protocol":"tcp",…}          {"ok":true,"address":"127.0.0.1:5432"}, until the command goes; meanwhile
 *                                                  a line {"fault":{…},"times":1} of what came to nothing, and why
 *     {"op":"look","host":"db1","port":22}         {"ok":true,"well":true}, or with `notes`: what control sees from here
 *     {"op":"reload"}                              {"ok":true}
 *     anything that fails                          {"ok":false,"fault":{…}}
 *
 * @module
 */
import type net from 'node:net'
import { z } from 'zod'
import { Fault } from '../../base/faults.ts'
import { faultMessage } from '../../wire/values.ts'

export const CONTROL_SOCKET = 'control.sock'
const MAX_LINE_BYTES = 8192

const port = z.number().int().min(0).max(65_535)
const host = z.string().min(1).max(253)
const file = z.string().min(1).max(4096)

export const controlCall = z.discriminatedUnion('op', [
  /** `look`: for whoever wants to know what is known now. */
  z.strictObject({ op: z.literal('connect'), host, port, look: z.literal(true).optional() }),
  z.strictObject({
    op: z.literal('forward'),
    protocol: z.enum(['tcp', 'udp']),
    local: z.union([z.strictObject({ host, port }), z.strictObject({ file })]),
    host,
    port,
  }),
  z.strictObject({ op: z.literal('input-over'), session: z.string().max(64) }),
  z.strictObject({ op: z.literal('ended'), session: z.string().max(64) }),
  z.strictObject({ op: z.literal('look'), host, port }),
  z.strictObject({ op: z.literal('reload') }),
])
export type ControlCall = z.infer<typeof controlCall>

export const controlAnswer = z.discriminatedUnion('ok', [
  z.strictObject({
    ok: z.literal(true),
    session: z.string().optional(),
    address: z.string().optional(),
    /** Of a look: every hop was looked at, and none failed. */
    well: z.boolean().optional(),
    /** Of the application, where a connection alone does not show it. */
    notes: z.array(faultMessage).optional(),
  }),
  z.strictObject({ ok: z.literal(false), session: z.string().optional(), fault: faultMessage }),
])
export type ControlAnswer = z.infer<typeof controlAnswer>

/** Behind the answer to `forward`: why programs got nothing through it. */
export const forwardLine = z.strictObject({ fault: faultMessage, times: z.number().int().min(1) })
type ForwardLine = z.infer<typeof forwardLine>

/**
 * Reads one line and leaves the rest in the socket, paused.
 *
 * @param socket Paused.
 * @throws {Fault} LOCAL_REQUEST_REFUSED if it is too long, not JSON of `schema`, or the socket ends before.
 */
export function readLine<S extends z.ZodType>(socket: net.Socket, schema: S): Promise<z.output<S>> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const end = bytes.indexOf(0x0a)
      if (end === -1 && bytes.length <= MAX_LINE_BYTES) return
      quiet()
      if (end === -1 || end > MAX_LINE_BYTES) return refuse(`a line of more than ${MAX_LINE_BYTES} bytes`)
      if (end + 1 < bytes.length) socket.unshift(bytes.subarray(end + 1))
      try {
        resolve(schema.parse(JSON.parse(bytes.toString('utf8', 0, end))))
      } catch (error) {
        refuse(error instanceof z.ZodError ? z.prettifyError(error) : 'not JSON')
      }
    }
    const onClose = () => {
      quiet()
      refuse('the connection ended')
    }
    const quiet = () => {
      socket.off('data', onData).off('end', onClose).off('close', onClose)
      socket.pause()
    }
    const refuse = (what: string) => reject(new Fault('LOCAL_REQUEST_REFUSED', `control socket: ${what}`))
    socket.on('data', onData).on('end', onClose).on('close', onClose)
    socket.resume()
  })
}

export function writeLine(value: ControlCall | ControlAnswer | ForwardLine): string {
  return `${JSON.stringify(value)}\n`
}
