/**
 * Doing what a verdict printed: commands are run as they stand, instructions to another team are followed to the letter.
 *
 * @module
 */
import type { LabConnector } from './connector.ts'
import type { Finding } from './doctor.ts'
import type { Lab } from './lab.ts'
import { ADDRESS } from './topology.ts'

/** The line of the fix that looks like this. @throws {Error} when none does. */
export function printed({ fix }: Finding, pattern: RegExp): RegExpExecArray {
  for (const line of fix) {
    const found = pattern.exec(line)
    if (found !== null) return found
  }
  throw new Error(`the fix contains nothing like ${pattern}:\n${fix.join('\n')}`)
}

/** Runs, as root on that machine, the printed commands that look like this. */
export async function runPrinted(
  { machine }: LabConnector,
  finding: Finding,
  pattern: RegExp,
  fill: Readonly<Record<string, string>> = {},
): Promise<void> {
  let [command] = printed(finding, pattern)
  for (const [blank, value] of Object.entries(fill)) command = command.replaceAll(blank, value)
  await machine.succeed('bash', '-c', command)
}

/** "allow outbound TCP from this machine to ADDRESS port PORT": the firewall team does just that. */
export async function allowPrinted(lab: Lab, finding: Finding): Promise<void> {
  const [, address, port] = printed(finding, /^allow outbound TCP from this machine to ([\d.]+) port (\d+)$/)
  await lab.firewall.allow(`ip saddr ${ADDRESS['connector-a']} ip daddr ${address} tcp dport ${port} accept`)
}

/** `backstitch key create --group GROUP > FILE`, by the operator, for the connector whose file is named. */
export async function replaceKey(lab: Lab, connector: LabConnector, finding: Finding): Promise<void> {
  const [, file] = printed(finding, /^backstitch key create --group (?:GROUP|dc1) > (\S+)$/)
  if (file !== connector.keyFile)
    throw new Error(`the fix names ${file}; the key belongs in ${connector.keyFile}`)
  connector.key(await lab.createKey())
}

/** Takes the connection of one connector down for a moment: it must come back the way it came. */
export async function blink(lab: Lab, connector: LabConnector): Promise<void> {
  const address = ADDRESS[connector === lab.connectors.a ? 'connector-a' : 'connector-b']
  const mark = connector.daemon.mark()
  await lab.machines.fw.succeed(
    'nft',
    `insert rule ip lab blink ip saddr ${address} ip daddr 198.51.100.0/24 reject with tcp reset`,
  )
  try {
    await connector.daemon.until(
      () => connector.daemon.lines(mark).some(({ event }) => event === 'control.disconnected'),
      'lose its control connection',
      20_000,
    )
  } finally {
    await lab.machines.fw.succeed('nft', 'flush chain ip lab blink')
  }
}
