import { once } from 'node:events'
import net from 'node:net'
import { portHolder } from '../../probe/port-holder.ts'

const TRIES = 50

/** The port that was asked for, or the next one that is free; and who holds the one that was asked for. */
export async function freePort(host: string, wanted: number): Promise<{ port: number; heldBy?: string }> {
  if (await isFree(host, wanted)) return { port: wanted }
  const heldBy = portHolder(wanted) ?? 'a process that cannot be seen'
  for (let port = wanted + 1; port < wanted + TRIES; port++)
    if (await isFree(host, port)) return { port, heldBy }
  throw new Error(`no port from ${wanted} to ${wanted + TRIES - 1} is free on ${host}`)
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = net.createServer().listen({ host, port })
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
