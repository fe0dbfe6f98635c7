/**
 * What people and programs wait for many times a day: the version, and `client connect` through a client that runs.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { actAs } from '../base/own-hop.ts'
import { VERSION } from '../base/version.ts'
import { CLIENT_STATE, clientDirs } from '../client/dirs.ts'
import { untilStopped } from './signals.ts'

/** @returns false if it is nothing of that: then nothing has happened. */
export async function quick(args: readonly string[]): Promise<boolean> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    process.stdout.write(`${VERSION}\n`)
    return true
  }
  const call = connectCall(args, process.env)
  if (call === undefined) return false
  actAs('client')
  using stop = untilStopped()
  const { throughRunning } = await import('../client/commands/stdio-daemon.ts')
  const { stdin, stdout, stderr } = process
  const code = await throughRunning({ ...call, stdin, stdout, stderr, signal: stop.signal })
  if (code !== undefined) process.exitCode = code
  return code !== undefined || stop.signal.aborted
}

interface ConnectCall {
  readonly host: string
  readonly port: number
  readonly stateDir: string
}

/** `client [--state DIR] connect HOST PORT`, where it is that and no more, and plain where the state lies. */
export function connectCall(args: readonly string[], env: NodeJS.ProcessEnv): ConnectCall | undefined {
  const [client, ...rest] = args
  const [flag, named] = rest[0] === '--state' ? rest.splice(0, 2) : []
  const [connect, host = '-', port = '', ...more] = rest
  const isPlain = client === 'client' && connect === 'connect' && more.length === 0
  if (!isPlain || host.startsWith('-') || !/^\d{1,5}$/.test(port)) return undefined
  if (Number(port) < 1 || Number(port) > 65_535) return undefined
  if (flag !== undefined && (!named || named.startsWith('-'))) return undefined
  const { configFile, state } = clientDirs(env)
  const isSaid = named !== undefined || env[CLIENT_STATE] !== undefined
  if (env.BACKSTITCH_CLIENT_CONFIG !== undefined || (!isSaid && mayNameState(configFile))) return undefined
  const stateDir = named ?? state
  return stateDir === undefined ? undefined : { host, port: Number(port), stateDir }
}

/** Its settings may say where the state lies; to know that is not worth a parser here. */
function mayNameState(configFile: string | undefined): boolean {
  if (configFile === undefined) return false
  try {
    return /stateDir|\\/.test(readFileSync(configFile, 'utf8'))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}
