/**
 * The bring-up of connectors as a picture: six stages each, and where a fault stops them. Pure: statuses in, text out.
 *
 * @module
 */
import { styleText } from 'node:util'
import { visibleLine } from '../../src/base/visible-text.ts'
import { STAGES } from '../../src/connector/bring-up/bring-up.ts'

export interface ShownStage {
  readonly stage: number
  readonly name: string
  readonly state: 'waiting' | 'running' | 'passed' | 'failed'
  readonly durationMs?: number
  readonly fault?: { readonly code: string; readonly hop: string; readonly detail?: string }
}

export interface Shown {
  /** Of the machine, or the socket. */
  readonly name: string
  readonly socket: string
  /** What the daemon says; nothing while nobody answers. */
  readonly status?: {
    readonly role?: string
    readonly state: string
    readonly stages?: readonly ShownStage[]
  }
}

export interface FrameOptions {
  readonly colour: boolean
  readonly widthChars: number
}

const MARKS = { waiting: '·', running: '…', passed: '✓', failed: '✗' } as const
const STYLES = { waiting: 'dim', running: 'yellow', passed: 'green', failed: 'red' } as const
const GOOD: readonly string[] = ['healthy', 'connected']
type Style = (typeof STYLES)[keyof typeof STYLES] | 'bold'

/** @param broken What the lab says is broken. */
export function frame(all: readonly Shown[], { colour, widthChars }: FrameOptions, broken?: string): string {
  const paint = (style: Style, text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text
  const cut = (text: string) => visibleLine(text).slice(0, widthChars)
  const parts = all.map(({ name, socket, status }) => {
    const state = status?.state ?? 'no answer'
    const head = `${paint('bold', cut(name))}  ${paint(GOOD.includes(state) ? 'green' : 'red', cut(state))}`
    return [head, ...stagesOf(socket, status).flatMap((stage) => stageLines(stage, { paint, cut }))].join(
      '\n',
    )
  })
  if (broken !== undefined) parts.push(cut(broken))
  return parts.join('\n\n')
}

/** Who does not answer has not got past the first stage: that is one that is seen from outside. */
function stagesOf(socket: string, status: Shown['status']): readonly ShownStage[] {
  if (status !== undefined) return status.stages ?? []
  const down = { code: 'DAEMON_DOWN', hop: 'connector', detail: `nothing answers at ${socket}` }
  return Object.entries(STAGES).map(([stage, name]) =>
    stage === '1'
      ? { stage: 1, name, state: 'failed', fault: down }
      : { stage: Number(stage), name, state: 'waiting' },
  )
}

interface Pen {
  readonly paint: (style: Style, text: string) => string
  readonly cut: (text: string) => string
}

function stageLines({ stage, name, state, durationMs, fault }: ShownStage, { paint, cut }: Pen): string[] {
  const took = durationMs === undefined ? '' : `  ${durationMs} ms`
  const line = paint(STYLES[state], cut(`  ${MARKS[state]} ${stage} ${name}${took}`))
  if (fault === undefined) return [line]
  const why = fault.detail === undefined ? '' : `: ${fault.detail}`
  return [line, paint('red', cut(`      ${fault.hop} ${fault.code}${why}`))]
}
