import { hostPort } from '../../base/host-port.ts'
import { judgeEdge, ms } from '../../policy/edge-choice.ts'
import { blind, type Check, check, fail, pass } from '../check.ts'
import type { EdgesFacts } from '../facts.ts'
import { askAsRoot, isOfAnother } from './machine.ts'
import { verifyHealthy } from './words.ts'

type LookedAt = EdgesFacts['edges'][number]

/** A detour, not an outage: comes after everything that is one. */
export const edgeChoice: Check = check({
  name: 'edge-choice',
  title: 'which edge is used',
  hop: 'edge',
  needs: ['edges'],
  uses: ['stateDir'],
  after: ['resolver', 'edge-name', 'proxy-setting', 'proxy', 'edge-tcp', 'edge-tls'],
  judge: ({ edges: { edges, inUse, region, unread }, stateDir }, { patient }) => {
    if (stateDir !== undefined && isOfAnother(stateDir)) return blind(askAsRoot(stateDir, patient))
    if (unread !== undefined) {
      const { file, why } = unread
      return blind(
        `${file} cannot be read (${why}), so the list of edges is not known: remove it, and restart the daemon`,
      )
    }
    if (edges.length < 2) return undefined
    const current = edges.find(({ id }) => id === inUse)
    if (current === undefined) return pass(`none yet: ${edges.map((edge) => edgeText(edge)).join('; ')}`)
    const pinned =
      patient.edge !== undefined && PINS.has(patient.edge.source) ? patient.edge.source : undefined
    const found = judgeEdge(edges, current.id, { region, pinned })
    if (found === undefined) return pass(edges.map((edge) => edgeText(edge, current)).join('; '))
    const nearer = found.nearer.map(({ edge, because }) => ({ edge: edge as LookedAt, because }))
    return fail('EDGE_FAR', {
      expected: 'the nearest known edge',
      seen: [
        `chosen: ${edgeText(current)}`,
        ...nearer.map(({ edge, because }) => `nearer: ${nameText(edge)}, not used: ${because}`),
      ],
      cause: `${causeOf(nearer.map(({ edge }) => edge))}, so every session goes through ${current.name}.`,
      fix: pinned
        ? [`remove the edge from ${pinned}: the daemon then uses the nearest`]
        : nearer.map(({ edge }) => fixOf(edge)),
      verify: verifyHealthy(patient),
    })
  },
})

/** Who can have set an edge by hand. */
const PINS: ReadonlySet<string> = new Set(['flag --edge', 'the configuration'])

/** Whom the control plane itself does not see, nobody reaches: no firewall of this machine is to blame. */
function causeOf(nearer: readonly LookedAt[]): string {
  const names = (edges: readonly LookedAt[]) => edges.map(({ name }) => name).join(', ')
  const gone = nearer.filter(({ out }) => out !== undefined)
  const here = nearer.filter(({ out }) => out === undefined)
  return [
    gone.length > 0 &&
      `${names(gone)} accepts no tunnels: ${gone[0]!.out === 'away' ? 'it has no connection to the control plane' : 'it is draining'}`,
    here.length > 0 && `${names(here)} cannot be reached from here`,
  ]
    .filter((part) => part !== false)
    .join('; ')
}

function fixOf({ name, out, ...at }: LookedAt): string {
  if (out === undefined) return `allow outbound TCP from this machine to ${hostPort(at)}`
  return `on the machine of ${name}, ${at.host}: sudo backstitch doctor edge`
}

function edgeText(edge: LookedAt, current?: LookedAt): string {
  const away = edge.rttUs === undefined ? (edge.code ?? 'not measured') : `${ms(edge.rttUs)} away`
  return `${nameText(edge)} ${away}${edge === current ? ', in use' : ''}`
}

function nameText({ name, region, host, port, rttUs, knownRttUs }: LookedAt): string {
  const where = region === '' ? hostPort({ host, port }) : `${hostPort({ host, port })}, region ${region}`
  const before = rttUs === undefined && knownRttUs !== undefined ? `, was ${ms(knownRttUs)} away` : ''
  return `${name} (${where}${before})`
}
