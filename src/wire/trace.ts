/** A trace as it travels: control asks a client to send a canary to one application, the client says how each hop went. */
import { z } from 'zod'
import { faultMessage, host, id, jws, microseconds, port, protocol } from './values.ts'

/** Every hop of a trace, in the order in which a session meets them. */
export const TRACE_HOPS = [
  ...(['client', 'policy', 'selection', 'edge', 'connector'] as const),
  ...(['transfer', 'dns', 'connect', 'tls', 'application'] as const),
] as const
export type TraceHop = (typeof TRACE_HOPS)[number]

export const MAX_TRACE_TEXT_CHARS = 1024

/** What is known of one hop. */
export const traceStep = z.strictObject({
  hop: z.enum(TRACE_HOPS),
  /** `skip`: says nothing until an earlier hop passes, or does not apply; `unknown`: could not be looked at. */
  verdict: z.enum(['pass', 'fail', 'skip', 'unknown']),
  /** How long it took, where it took time. */
  us: microseconds.optional(),
  /** For people: what was seen. */
  text: z.string().max(MAX_TRACE_TEXT_CHARS),
  /** Of a failure. */
  fault: faultMessage.optional(),
})
export type TraceStep = z.infer<typeof traceStep>

/** The tunnel that the canary took. */
const way = z.strictObject({ connector: id, edge: id, pipe: id })
export type TraceWay = z.infer<typeof way>

/**
 * To a client: say what you would do with this destination, and, with `canary`, do it: open a session as any program
 * would, and send a large transfer to the connector and back.
 */
export const trace = z.strictObject({
  type: z.literal('trace'),
  id,
  host,
  port,
  protocol,
  canary: z
    .strictObject({
      /** Grants for the echo in the connectors that may be met: nothing else can be opened with them. */
      echo: z.array(z.strictObject({ connector: id, grant: jws })).max(8),
    })
    .optional(),
})

/** From the client: hop by hop; the last message says `end`. */
export const traceTold = z.strictObject({
  type: z.literal('trace-step'),
  id,
  step: traceStep.optional(),
  way: way.optional(),
  /** Id of the session that the canary was. */
  session: id.optional(),
  end: z.literal(true).optional(),
})
export type TraceTold = z.infer<typeof traceTold>

/** Where the echo is: a name that no resolver has (RFC 6761), and the port of RFC 862. Only an echo grant leads there. */
export const ECHO_HOST = 'echo.backstitch.invalid'
export const ECHO_PORT = 7
/** A large transfer, each way. */
export const ECHO_BYTES = 1_048_576
