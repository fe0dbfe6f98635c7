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
import { faultMessage } from '../../wire/values.ts'
import { lineRefused, readValue, writeValue } from './value-line.ts'

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
 * Reads one line, as `readValue`.
 *
 * @throws {Fault} LOCAL_REQUEST_REFUSED, also for what is not of `schema`.
 */
export async function readLine<S extends z.ZodType>(socket: net.Socket, schema: S): Promise<z.output<S>> {
  return readAs(schema, await readValue(socket))
}

/** @throws {Fault} LOCAL_REQUEST_REFUSED. */
export function readAs<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const { success, data, error } = schema.safeParse(value)
  if (!success) throw lineRefused(z.prettifyError(error))
  return data
}

export function writeLine(value: ControlCall | ControlAnswer | ForwardLine): string {
  return writeValue(value)
}
