import type { StateDir } from '../base/state-dir.ts'
import { ControlSocket } from './entry/control-socket.ts'
import { type Forward, openForward } from './entry/forward-listener.ts'
import { LocalProxy, type LocalProxyOptions } from './entry/local-proxy.ts'
import { CONTROL_SOCKET } from './entry/value-line.ts'
import type { ClientOptions } from './options.ts'
import type { Looks } from './session/looks.ts'

/** The local proxy as a Unix socket, for programs that can use one. */
const PROXY_SOCKET = 'proxy.sock'

/** What local programs come in by. */
export interface Entries {
  readonly proxy: LocalProxy | undefined
  readonly forwards: readonly Forward[]
}

export const NO_ENTRIES: Entries = { proxy: undefined, forwards: [] }

interface EntriesOf extends Omit<LocalProxyOptions, 'places' | 'log'> {
  readonly options: ClientOptions
  readonly state: StateDir
  readonly looks: Pick<Looks, 'look'>
  readonly reload: () => Promise<void>
}

/**
 * Opens everything that was asked for; `parts` closes it.
 *
 * @throws {Fault} LISTEN_FAILED, STATE_UNWRITABLE.
 */
export async function openEntries(
  parts: AsyncDisposableStack,
  { options, state, reload, looks, ...of }: EntriesOf,
): Promise<Entries> {
  const { listen, listenFile, sockets, log } = options
  parts.use(of.users)
  const forwards: Forward[] = []
  for (const spec of options.forwards) forwards.push(parts.use(await openForward(spec, of)))
  const files = [sockets ? state.file(PROXY_SOCKET) : [], listenFile ?? []].flat()
  const places = [listen ?? [], files.map((file) => ({ file }))].flat()
  const proxy = places.length > 0 ? parts.use(await LocalProxy.open({ ...of, places, log })) : undefined
  if (sockets) parts.use(await ControlSocket.open({ ...of, file: state.file(CONTROL_SOCKET), reload, looks }))
  return { proxy, forwards }
}
