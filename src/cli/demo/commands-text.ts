import path from 'node:path'
import { ROOT } from '../../base/program-files.ts'
import { style } from '../terminal.ts'
import type { DemoApplication } from './access.ts'
import type { KeptDemo } from './kept.ts'

/** What a person can paste into another terminal, in the directory they started the demo in. */
export function commandsText(o: {
  app: DemoApplication
  state: string
  kept: KeptDemo
  session: string
  api: string
}): string {
  const { app, kept } = o
  const state = path.relative(process.cwd(), o.state) || '.'
  const program = path.relative(process.cwd(), path.join(ROOT, 'bin/backstitch'))
  const url = `http://${app.host}${app.webPort === 80 ? '' : `:${app.webPort}`}/`
  // The context is found by itself only at its usual place.
  const ask = state === '.backstitch' ? program : `${program} --context ${state}/context.json`
  const client = `${program} client --state ${state}/client`
  const commands: [string, string][] = [
    ['a page, through SOCKS5', `curl --proxy socks5h://127.0.0.1:${kept.proxyPort} ${url}`],
    ['the same, through HTTP', `curl --proxy http://127.0.0.1:${kept.proxyPort} ${url}`],
    [
      'standard input and output, as ssh uses it',
      `echo hello | ${client} connect ${app.host} ${app.echoPort}`,
    ],
    ['how long each hop took', `${ask} describe session ${o.session}`],
    ['who reached what', `${ask} get sessions`],
    ['everything that is running', `${ask} status`],
    [
      'change who may reach what',
      `\${EDITOR:-vi} ${state}/access.yaml && ${ask} apply -f ${state}/access.yaml`,
    ],
  ]
  const shown = commands.map(([what, command]) => `  ${style('dim', `# ${what}`)}\n  ${command}`)
  return [
    `\n${style('bold', 'Try it')}, in another terminal and this directory:\n`,
    ...shown,
    '',
    `The API is at ${o.api}, its token in ${state}/control/admin.token; logs are *.log below ${state}.`,
    'On real machines: docs/getting-started.md.',
    `${style('bold', 'Ctrl-C')} stops everything.`,
  ].join('\n')
}
