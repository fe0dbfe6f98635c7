import type { LabConnector } from './connector.ts'
import type { Lab } from './lab.ts'

const FAR_MS = 40

/** Two edges: that of the server is across an ocean, the other one next door. Resolves when both connectors are near. */
export async function twoEdges(lab: Lab): Promise<void> {
  await lab.cables.impair('edge', { delayMs: FAR_MS / 2 })
  await lab.secondEdge.start()
  const { a, b } = lab.connectors
  for (const one of [a, b])
    await one.daemon.until(async () => (await edgeOf(one)) === 'near', 'go home', 60_000)
}

/** @returns The name of the edge that it uses, by its own account. */
export async function edgeOf(connector: LabConnector): Promise<string | undefined> {
  const { edges } = ((await connector.status()) ?? {}) as { edges?: { name: string; inUse: boolean }[] }
  return edges?.find((edge) => edge.inUse)?.name
}
