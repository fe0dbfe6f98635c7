/**
 * Whatever a stranger has written into a field that a view shows: nothing of it acts on a terminal, hides what follows or
 * begins a line of its own. Each view is given a document in which every text is a stranger's.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KIND_NAMES } from '../api/kinds.ts'
import { Fault } from '../base/faults.ts'
import { paint, written } from '../base/paint.ts'
import { shown, visibleText } from '../base/visible-text.ts'
import { renderLogVerdict } from '../doctor/log/read-log.ts'
import { renderText } from '../doctor/render-text.ts'
import { clientStatusText } from './client-status.ts'
import { cellsOf } from './columns.ts'
import { connectorStatusText } from './connector-status.ts'
import { denialText } from './denial-text.ts'
import { resourceText } from './describe.ts'
import { connectorText } from './describe-connector.ts'
import { segmentHealthText } from './describe-health.ts'
import { edgeStatusText } from './edge-status.ts'
import { faultText } from './fault-report.ts'
import { findingText } from './lint.ts'
import { sessionLine } from './session-line.ts'
import { inLine, table } from './terminal.ts'
import { sessionText } from './timeline.ts'
import { traceText } from './trace-text.ts'

const AT = '2026-11-30T05:00:00.000Z'
// biome-ignore lint/suspicious/noExplicitAny: documents as strangers make them, in whichever form
type Made = any

/** Views by name; `s` is the stranger's word. What comes over the API comes through `shown`, as rest.ts has it. */
const VIEWS: Readonly<Record<string, (s: string) => string>> = {
  fault: (s) => faultText(new Fault('APP_RESET', s, { seen: { [s]: s, list: [s, s] } })),
  'describe session': (s) =>
    sessionText(
      shown<Made>({
        ...{ id: s, state: 'closed', user: s, device: s, host: s, port: 1, protocol: 'tcp', address: s },
        ...{ segment: s, rule: s, connector: s, because: s, edge: s, edgeBecause: s, pipe: s, times: {} },
        ...{ startedAt: AT, endedAt: AT, bytesUp: 1, bytesDown: 1, names: { user: s, device: s, edge: s } },
        ...{ closeReason: 'APP_RESET', closeHop: 'application', closeDetail: s },
      }),
    ),
  'logs sessions': (s) =>
    sessionLine(
      shown<Made>({
        ...{ id: s, startedAt: AT, names: { user: s }, host: s, port: 1, state: 'closed', times: {} },
        ...{ closeReason: 'APP_RESET', closeHop: s, bytesUp: 1, bytesDown: 1 },
      }),
    ),
  'describe denial': (s) =>
    denialText(
      shown<Made>({
        ...{ id: s, at: AT, names: { [s]: s }, user: s, device: s, host: s, port: 1, protocol: 'tcp' },
        ...{ condition: { name: s, wanted: [s, s], seen: [s] }, wouldPass: s, session: s, trace: s, from: s },
        ...{ hop: 'control', code: 'POLICY_DENIED', detail: s, segment: s, rule: s },
      }),
    ),
  'describe client-device': (s) =>
    resourceText(
      shown<Made>({
        name: s,
        host: { name: s, program: s },
        posture: { [s]: s },
        names: { [s]: s },
        list: [s, { [s]: s }],
      }),
    ),
  'describe connector': (s) =>
    connectorText(
      shown<Made>({
        ...{ name: s, names: {}, host: { name: s, platform: s, program: s } },
        disconnected: {
          hop: s,
          code: s,
          cause: s,
          seen: [s, s],
          fix: s,
          run: s,
          verify: { run: s, expect: s },
        },
        live: { overload: { hop: s, code: s, detail: s }, edges: [{ name: s, code: s }], sessionsBy: [] },
        outages: [{ since: AT, ended: AT, attempts: 1, hop: s, code: s, detail: s }],
      }),
    ),
  'health of a segment': (s) =>
    segmentHealthText(
      shown<Made>({
        ...{
          mode: s,
          state: 'unhealthy',
          code: s,
          because: s,
          groups: [{ spare: { text: s }, tier: 'native' }],
        },
        connectors: [
          {
            name: s,
            state: 'unhealthy',
            out: s,
            applications: [{ host: s, port: 1, state: 'unhealthy', code: s, at: AT }],
          },
        ],
      }),
    ),
  lint: (s) =>
    findingText(
      shown<Made>({
        code: 'SEGMENT_UNMAPPED',
        object: { kind: 'segment', name: s },
        reason: s,
        consequence: s,
        fix: s,
      }),
    ),
  trace: (s) =>
    traceText(
      {
        ...{
          id: s,
          durationMs: 1,
          outcome: 'fault',
          headline: s,
          user: { name: s },
          device: { name: s },
          from: 'device',
        },
        ...{ host: s, port: 1, protocol: 'tcp', segment: s, rule: s, connector: s, edge: s, session: s },
        finding: { cause: s, seen: [s, s], wouldPass: s, fix: [s], code: s, verify: { run: s, expect: s } },
        steps: [{ hop: s, verdict: 'fail', text: s, fault: { code: s } }],
      } as Made,
      true,
    ),
  doctor: (s) =>
    renderText(
      {
        ...{ outcome: 'fault', role: 'connector', run: s, durationMs: 1 },
        findings: [
          {
            hop: s,
            code: s,
            cause: s,
            title: s,
            expected: s,
            seen: [s, s],
            fix: [s],
            verify: { run: s, expect: s },
          },
          {
            hop: s,
            code: s,
            cause: s,
            title: s,
            expected: s,
            seen: [s],
            fix: [s],
            verify: { run: s, expect: s },
          },
        ],
        checks: [
          { check: s, title: s, verdict: 'pass', text: s },
          { check: s, title: s, verdict: 'fail', text: s },
        ],
      } as Made,
      true,
    ),
  'doctor --log': (s) =>
    renderLogVerdict({
      is: 'fault',
      findings: [{ hop: s, code: s, cause: s, line: 1, quote: s, lines: 2, fix: s, verify: s }],
    } as Made),
  'status of a client': (s) =>
    clientStatusText({
      ...{ role: 'client', version: s, state: 'connected', id: s, user: s, pid: 1, edges: [], grants: [] },
      ...{ proxy: s, proxySockets: [s], localUsers: { may: s, refused: 1, lastRefused: s } },
      ...{ notes: [{ code: s, hop: s, detail: s }], fault: { code: s, hop: s, detail: s } },
      outages: { past: [], current: { sinceMs: 0, attempts: 1, hop: s, code: s, detail: s } },
      forwards: [{ local: s, to: s, protocol: 'tcp' }],
      tunnels: [{ connector: s, edge: s, streams: 1, rttUs: 1 }],
      sessions: { open: 1, total: 1, failed: 0, bytesUp: 1, bytesDown: 1 },
      decisions: [{ at: AT, destination: s, outcome: 'refused', code: s, hop: s, because: s, denial: s }],
    } as Made),
  'status of a connector': (s) =>
    connectorStatusText({
      ...{ role: 'connector', version: s, state: 'healthy', id: s, pid: 1, sessions: 1, tunnels: 1 },
      still: [{ application: s, sessions: 1, users: 1, stillS: [30, 31] }],
      waiting: [{ application: s, sessions: 2, users: 1, stillS: [13, 20] }],
      ...{ sessionsBy: [{ segmentName: s, sessions: 1 }], identity: { note: s }, notes: [] },
      stages: [{ stage: 1, name: s, state: 'failed', fault: { code: s, hop: s, detail: s } }],
      edges: [
        { name: s, region: s, host: s, port: 1, inUse: false, fault: { code: s, detail: s } },
        { name: s, region: s, host: s, port: 1, inUse: true },
      ],
      outages: { past: [{ sinceMs: 0, endedMs: 0, hop: s, code: s, detail: s }] },
    } as Made),
  'status of an edge': (s) =>
    edgeStatusText({
      ...{
        role: 'edge',
        version: s,
        state: 'connected',
        id: s,
        pid: 1,
        notes: [{ code: s, hop: s, detail: s }],
      },
      ...{ listen: { host: s, port: 1 }, fault: { code: s, hop: s, detail: s } },
    } as Made),
  ...Object.fromEntries(
    KIND_NAMES.map((kind) => [
      `get ${kind}`,
      (s: string) =>
        table(
          ['A'],
          [
            cellsOf(
              kind,
              shown<Made>({
                ...{ name: s, state: s, user: s, id: s, code: s, closeReason: s, bytesUp: 0, bytesDown: 0 },
                ...{ host: s, names: { [s]: s }, actor: s, action: s, object: s, description: s, region: s },
                ...{ location: s, domains: [s], address: s, displayName: s, email: s, at: s, startedAt: s },
              }),
            ),
          ],
        ),
    ]),
  ),
}

/** What a terminal gets, and a mask of what strangers wrote: the same for every word but for the word itself. */
function onTheScreen(view: (s: string) => string, word: string): string {
  return written(view(word), visibleText)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const OWN_COLOURS = /\x1b\[(?:1|2|22|3[1-6]|39)m/g
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\x1b[8m',
        '\x1b[32m',
        '\x1b]0;x\x07',
        '\x9b8m',
        '\r',
        '\n',
        '\t',
        '\0',
        '\u202e',
        '\u2066',
        '\u200b',
      ),
      fc.constantFrom(
        '\u{e0041}',
        '\u3164',
        '\ud800',
        '\ufeff',
        `e${'\u0301'.repeat(40)}`,
        '=1+1',
        '<b>',
        '"',
        '\\',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => `w${parts.join('')}`)

for (const [name, view] of Object.entries(VIEWS)) {
  test(`a stranger's words stay words: ${name}`, () => {
    const lines = onTheScreen(view, 'word').split('\n').length
    fc.assert(
      fc.property(nasty, (word) => {
        const text = onTheScreen(view, word)
        assert.equal(text.split('\n').length, lines, 'no line of its own')
        assert.doesNotMatch(
          text.replaceAll(OWN_COLOURS, '').replaceAll('\n', ''),
          /\p{Cc}|\p{Bidi_Control}|\p{M}{5}/u,
        )
      }),
      { numRuns: 60 },
    )
    const ours = (onTheScreen(view, 'word').match(OWN_COLOURS) ?? []).length
    const theirs = (onTheScreen(view, '\x1b[32mword\x1b[39m').match(OWN_COLOURS) ?? []).length
    assert.equal(theirs, ours, 'no colour of its own')
  })
}

test('colours are those of the program alone', () => {
  const own = paint('green', inLine('healthy\x1b[8m\n'))
  assert.equal(written(own, visibleText), '\x1b[32mhealthy\\u001b[8m\\n\x1b[39m')
  assert.equal(written('\x1b[32mhealthy\x1b[39m', visibleText), '\\u001b[32mhealthy\\u001b[39m')
})
